"""Registry of the optimizers: formula, PyTorch class, and hyperparameters with the names and bounds of `torch.optim`.

An optimizer may have two forms: PyTorch's, and the lecture's (`"formulas": "lecture"`, implemented in
`lecture_optimizers.py`) with the lecture's defaults. In the formulas θ are the parameters and g is the gradient;
squares, roots and divisions are elementwise. `weight_decay` λ adds λθ to g, except in AdamW.

PyTorch's fused kernels update all parameters in one call, on the CPU and on CUDA. RMSprop has none; its `foreach`
implementation takes 1 to 10% less time than a loop over the parameters on a CPU, and much less on a GPU.
"""

import inspect
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal, Protocol

import torch

from app.learning import lecture_optimizers as lecture
from app.learning.errors import InvalidChoice
from app.learning.fields import bounded
from app.learning.lecture_optimizers import Parameters
from app.learning.source import Code, Source, call
from app.messages import Fix


class Optimizer(Protocol):
    """Interface of an entry in one of its forms."""

    name: ClassVar[str]
    formulas: ClassVar[Literal["torch", "lecture"]]
    formula: ClassVar[str]

    @property
    def lr(self) -> float:
        """η, before any schedule."""
        ...

    def build(self, parameters: Parameters) -> torch.optim.Optimizer:
        """Build the optimizer for parameters or groups of them; a group may have its own `lr`."""
        ...

    def source(self, parameters: str) -> Source:
        """Code that builds the optimizer for the expression `parameters`."""
        ...


class TorchOptimizer(Optimizer, Protocol):
    """Interface of an entry in PyTorch's form, which describes both forms.

    `usual_lr` has the lowest and the highest learning rate without a warning. The range is wide to avoid false alarms;
    it follows from PyTorch's defaults and the lecture's 0.1 for plain gradient descent.
    """

    advantages: ClassVar[tuple[str, ...]]
    drawbacks: ClassVar[tuple[str, ...]]
    usual_lr: ClassVar[tuple[float, float]]


class _Torch:
    """PyTorch's form. The fields are the arguments of `kind`."""

    formulas: ClassVar[Literal["torch", "lecture"]] = "torch"
    kind: ClassVar[type[torch.optim.Optimizer]]
    kernel: ClassVar[dict[str, bool]] = {"fused": True}

    def build(self, parameters: Parameters) -> torch.optim.Optimizer:
        return self.kind(parameters, **asdict(self), **self.kernel)  # type: ignore[call-overload, arg-type]

    def source(self, parameters: str) -> Source:
        """Code of the call, without arguments that equal PyTorch's defaults; `lr` is always given.

        So is the kernel: with batch norm, a difference in the last bits of one step reaches the third digit of the loss
        within ten steps.
        """
        usual = inspect.signature(self.kind).parameters
        fields: dict[str, Any] = asdict(self)  # type: ignore[call-overload]
        named = {name: value for name, value in fields.items() if name == "lr" or value != usual[name].default}
        return Source((call(f"torch.optim.{self.kind.__name__}", Code(parameters), **named, **self.kernel),))


class _Lecture:
    """The lecture's form of the entry with the same name."""

    formulas: ClassVar[Literal["torch", "lecture"]] = "lecture"
    kind: ClassVar[type[torch.optim.Optimizer]]

    def build(self, parameters: Parameters) -> torch.optim.Optimizer:
        return self.kind(parameters, **asdict(self))  # type: ignore[call-overload]

    def source(self, parameters: str) -> Source:
        fields: dict[str, Any] = asdict(self)  # type: ignore[call-overload]
        return Source((call(self.kind.__name__, Code(parameters), **fields),), (lecture.LectureOptimizer, self.kind))


def _lr(default: float) -> Any:
    return bounded(default, doc="η: learning rate, the size of the steps against the gradient", gt=0, le=1e9)


def _weight_decay(default: float = 0.0) -> Any:
    return bounded(default, doc="λ: strength of the pull of the parameters towards zero", ge=0, le=1e9)


def _momentum() -> Any:
    return bounded(0.9, doc="μ: share of the old velocity that is kept", ge=0, lt=1)


def _dampening(when: str) -> Any:
    return bounded(0.0, doc=f"δ: share of the new gradient that is left out, {when}", ge=0, le=1)


def _alpha(default: float) -> Any:
    return bounded(default, doc="μ: decay of the mean of g²", ge=0, lt=1)


def _betas(default: tuple[float, float]) -> Any:
    return bounded(default, doc="β₁ and β₂: decay of the means of g and g²", ge=0, lt=1)


def _eps(default: float) -> Any:
    return bounded(default, doc="ε: prevents division by zero", gt=0, le=1)


@dataclass(frozen=True)
class LectureSGD(_Lecture):
    """Gradient descent on the given batch, with the lecture's wrong sign corrected."""

    name: ClassVar[str] = "sgd"
    kind: ClassVar[type[torch.optim.Optimizer]] = lecture.GradientDescent
    formula: ClassVar[str] = "θ ← θ − ηg"

    lr: float = _lr(0.1)


@dataclass(frozen=True)
class SGD(_Torch):
    """Gradient descent on the given batch: all the data, a mini-batch or a single example."""

    name: ClassVar[str] = "sgd"
    kind: ClassVar[type[torch.optim.Optimizer]] = torch.optim.SGD
    formula: ClassVar[str] = "θ ← θ − ηg"
    usual_lr: ClassVar[tuple[float, float]] = (1e-4, 2.0)
    advantages: ClassVar[tuple[str, ...]] = (
        "needs memory for only one batch, and no state between steps",
        "cheap, frequent steps: it gets near a minimum long before gradient descent on all the data",
        "easy to explain and to draw",
    )
    drawbacks: ClassVar[tuple[str, ...]] = (
        "gradients of batches are noisy: with a constant learning rate the loss never quite converges",
        "sensitive to the learning rate: too large diverges, too small crawls",
        "one learning rate for all directions: it zigzags in a narrow ravine",
    )

    lr: float = _lr(0.1)
    weight_decay: float = _weight_decay()


@dataclass(frozen=True)
class LectureMomentum(_Lecture):
    """SGD with momentum and the learning rate inside the velocity: if η changes, the old velocity keeps its size."""

    name: ClassVar[str] = "momentum"
    kind: ClassVar[type[torch.optim.Optimizer]] = lecture.Inertia
    formula: ClassVar[str] = "v ← μv − (1−δ)ηg;  θ ← θ + v"

    lr: float = _lr(0.01)
    momentum: float = _momentum()
    dampening: float = _dampening("also in the first step")


@dataclass(frozen=True)
class Momentum(_Torch):
    """SGD with momentum in PyTorch's form: the velocity accumulates gradients, the learning rate scales the step.

    The first velocity is g, undampened. With `nesterov` the step is η(g + μv) (Sutskever et al. 2013).
    Raises InvalidChoice for `nesterov` with dampening or without momentum, as PyTorch does.
    """

    name: ClassVar[str] = "momentum"
    kind: ClassVar[type[torch.optim.Optimizer]] = torch.optim.SGD
    formula: ClassVar[str] = "v ← μv + (1−δ)g;  θ ← θ − ηv"
    usual_lr: ClassVar[tuple[float, float]] = (1e-5, 1.0)
    advantages: ClassVar[tuple[str, ...]] = (
        "accelerates where gradients agree: along a ravine, across a plateau",
        "alternating gradients cancel out: less zigzag, less noise from the batches",
    )
    drawbacks: ClassVar[tuple[str, ...]] = (
        "overshoots: in a valley it runs past the minimum and swings back",
        "one more hyperparameter: μ makes steps up to 1/(1−μ) times as large, so η has to be smaller",
        "old gradients persist: it reacts late to changes of direction",
    )

    lr: float = _lr(0.01)
    momentum: float = _momentum()
    dampening: float = _dampening("except in the first step")
    nesterov: bool = bounded(False, doc="look ahead: the step is η(g + μv)")
    weight_decay: float = _weight_decay()
    constraint: ClassVar[dict[str, Any]] = {
        "if": {"required": ["nesterov"], "properties": {"nesterov": {"const": True}}},
        "then": {"properties": {"dampening": {"const": 0}, "momentum": {"exclusiveMinimum": 0}}},
    }

    def __post_init__(self) -> None:
        if self.nesterov and (self.dampening != 0 or self.momentum == 0):
            raise InvalidChoice("nesterov_needs_momentum", "/nesterov", Fix("/nesterov", False))


@dataclass(frozen=True)
class LectureAdaGrad(_Lecture):
    """AdaGrad with ε inside the root, where 1e-8 acts like 1e-4 outside."""

    name: ClassVar[str] = "adagrad"
    kind: ClassVar[type[torch.optim.Optimizer]] = lecture.SumOfSquares
    formula: ClassVar[str] = "G ← G + g²;  θ ← θ − η/√(G + ε)·g"

    lr: float = _lr(0.01)
    eps: float = _eps(1e-8)


@dataclass(frozen=True)
class AdaGrad(_Torch):
    """AdaGrad with ε outside the root: Duchi, Hazan & Singer 2011, https://jmlr.org/papers/v12/duchi11a.html."""

    name: ClassVar[str] = "adagrad"
    kind: ClassVar[type[torch.optim.Optimizer]] = torch.optim.Adagrad
    formula: ClassVar[str] = "G ← G + g²;  θ ← θ − η·g/(√G + ε)"
    usual_lr: ClassVar[tuple[float, float]] = (1e-5, 1.0)
    advantages: ClassVar[tuple[str, ...]] = (
        "a separate step size for each parameter: gradients of very different sizes do no harm",
        "parameters with sparse gradients still take large steps",
    )
    drawbacks: ClassVar[tuple[str, ...]] = (
        "never forgets: its learning rates only fall, until it stalls before the minimum",
        "one outlier gradient makes a parameter's steps permanently small: it stalls but does not diverge",
    )

    lr: float = _lr(0.01)
    eps: float = _eps(1e-10)
    weight_decay: float = _weight_decay()


@dataclass(frozen=True)
class LectureRMSProp(_Lecture):
    """RMSProp with ε inside the root and the lecture's faster decay."""

    name: ClassVar[str] = "rmsprop"
    kind: ClassVar[type[torch.optim.Optimizer]] = lecture.MeanOfSquares
    formula: ClassVar[str] = "G ← μG + (1−μ)g²;  θ ← θ − η/√(G + ε)·g"

    lr: float = _lr(0.01)
    alpha: float = _alpha(0.9)
    eps: float = _eps(1e-8)


@dataclass(frozen=True)
class RMSProp(_Torch):
    """RMSProp with ε outside the root: Tieleman & Hinton 2012, Neural Networks for Machine Learning, lecture 6.5."""

    name: ClassVar[str] = "rmsprop"
    kind: ClassVar[type[torch.optim.Optimizer]] = torch.optim.RMSprop
    kernel: ClassVar[dict[str, bool]] = {"foreach": True}
    formula: ClassVar[str] = "G ← μG + (1−μ)g²;  θ ← θ − η·g/(√G + ε)"
    usual_lr: ClassVar[tuple[float, float]] = (1e-6, 0.05)
    advantages: ClassVar[tuple[str, ...]] = (
        "a separate step size for each parameter",
        "forgets: an outlier gradient fades, and the steps do not shrink forever",
    )
    drawbacks: ClassVar[tuple[str, ...]] = (
        "no momentum: a noisy gradient gives a noisy direction",
        "the mean of squares starts at zero, so the first step is η/√(1−μ): ten times η by default",
    )

    lr: float = _lr(0.01)
    alpha: float = _alpha(0.99)
    eps: float = _eps(1e-8)
    weight_decay: float = _weight_decay()


@dataclass(frozen=True)
class LectureAdam(_Lecture):
    """Adam without bias correction, with ε inside the root.

    With the lecture's β₁ = β₂ = 0.9 its steps grow from 0.32 η to η. With β₂ = 0.999 they would be 3.2 η at first and
    6.6 η in step 12.
    """

    name: ClassVar[str] = "adam"
    kind: ClassVar[type[torch.optim.Optimizer]] = lecture.UncorrectedAdam
    formula: ClassVar[str] = "v ← β₁v + (1−β₁)g;  G ← β₂G + (1−β₂)g²;  θ ← θ − η/√(G + ε)·v"

    lr: float = _lr(0.001)
    betas: tuple[float, float] = _betas((0.9, 0.9))
    eps: float = _eps(1e-8)


@dataclass(frozen=True)
class Adam(_Torch):
    """Adam with ε outside the root: Kingma & Ba 2015, algorithm 1, https://arxiv.org/abs/1412.6980."""

    name: ClassVar[str] = "adam"
    kind: ClassVar[type[torch.optim.Optimizer]] = torch.optim.Adam
    formula: ClassVar[str] = (
        "m ← β₁m + (1−β₁)g;  v ← β₂v + (1−β₂)g²;  θ ← θ − η·m̂/(√v̂ + ε);  m̂ = m/(1−β₁ᵗ), v̂ = v/(1−β₂ᵗ)"
    )
    usual_lr: ClassVar[tuple[float, float]] = (1e-6, 0.05)
    advantages: ClassVar[tuple[str, ...]] = (
        "learns well with its defaults on most networks",
        "momentum, a step size for each parameter, and a correction for means that start at zero",
        "the change of a parameter in a step is rarely more than about η, however large the gradient",
    )
    drawbacks: ClassVar[tuple[str, ...]] = (
        "stores two more numbers for each parameter",
        "weight decay is divided by √v̂ like the gradient and loses its meaning: AdamW fixes that",
        "well-tuned SGD with momentum may generalise better",
    )

    lr: float = _lr(0.001)
    betas: tuple[float, float] = _betas((0.9, 0.999))
    eps: float = _eps(1e-8)
    weight_decay: float = _weight_decay()


@dataclass(frozen=True)
class AdamW(_Torch):
    """Adam with decoupled weight decay: Loshchilov & Hutter 2019, https://arxiv.org/abs/1711.05101."""

    name: ClassVar[str] = "adamw"
    kind: ClassVar[type[torch.optim.Optimizer]] = torch.optim.AdamW
    formula: ClassVar[str] = "θ ← θ − ηλθ, then as Adam"
    usual_lr: ClassVar[tuple[float, float]] = (1e-6, 0.05)
    advantages: ClassVar[tuple[str, ...]] = (
        "like Adam, but weight decay pulls all parameters towards zero at the same rate",
        "weight decay and learning rate can be chosen separately",
    )
    drawbacks: ClassVar[tuple[str, ...]] = (
        "stores two more numbers for each parameter",
        "biases are pulled towards zero too",
    )

    lr: float = _lr(0.001)
    betas: tuple[float, float] = _betas((0.9, 0.999))
    eps: float = _eps(1e-8)
    weight_decay: float = _weight_decay(0.01)


OPTIMIZERS: dict[str, type[TorchOptimizer]] = {
    entry.name: entry for entry in (SGD, Momentum, AdaGrad, RMSProp, Adam, AdamW)
}
LECTURE_FORMS: dict[str, type[Optimizer]] = {
    entry.name: entry for entry in (LectureSGD, LectureMomentum, LectureAdaGrad, LectureRMSProp, LectureAdam)
}
DEFAULT_OPTIMIZER = Adam.name


def optimizer_from_json(stored: dict[str, Any]) -> Optimizer:
    """The optimizer of a request with name, formulas (PyTorch's by default) and hyperparameters."""
    forms: Mapping[str, type[Optimizer]] = LECTURE_FORMS if stored.get("formulas") == "lecture" else OPTIMIZERS
    hyperparameters = {
        name: tuple(value) if isinstance(value, list) else value  # JSON has no tuples
        for name, value in stored.items()
        if name not in ("name", "formulas")
    }
    return forms[stored["name"]](**hyperparameters)
