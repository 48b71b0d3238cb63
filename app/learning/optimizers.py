"""The optimizers, an entry each: hyperparameters named and bounded as in `torch.optim`, formula, and how it is made.

PyTorch's fused kernels do a whole step over all parameters in one call; they exist for the CPU and for CUDA.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import torch
from torch.nn import Parameter

from app.learning.fields import bounded

Groups = Iterable[Parameter] | Iterable[dict[str, Any]]
LR_DOC = "learning rate: how far each step goes against the gradient"


class Optimizer(Protocol):
    """What every entry offers."""

    name: ClassVar[str]
    formula: ClassVar[str]

    @property
    def lr(self) -> float: ...

    def build(self, parameters: Groups) -> torch.optim.Optimizer:
        """The optimizer over these parameters, or groups of them that may have learning rates of their own."""
        ...


@dataclass(frozen=True)
class SGD:
    """Gradient descent on whatever batch it is given: all the data, a mini-batch or one observation."""

    name: ClassVar[str] = "sgd"
    formula: ClassVar[str] = "θ ← θ − lr·g"

    lr: float = bounded(0.1, doc=LR_DOC, gt=0, le=1e9)

    def build(self, parameters: Groups) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, lr=self.lr, fused=True)


@dataclass(frozen=True)
class Momentum:
    """SGD with momentum in PyTorch's form: the velocity gathers gradients, the learning rate scales the step."""

    name: ClassVar[str] = "momentum"
    formula: ClassVar[str] = "v ← μv + g;  θ ← θ − lr·v"

    lr: float = bounded(0.01, doc=LR_DOC, gt=0, le=1e9)
    momentum: float = bounded(0.9, doc="μ: how much of the old velocity is kept", ge=0, lt=1)

    def build(self, parameters: Groups) -> torch.optim.Optimizer:
        return torch.optim.SGD(parameters, lr=self.lr, momentum=self.momentum, fused=True)


@dataclass(frozen=True)
class Adam:
    """Adam: Kingma & Ba 2015, algorithm 1, https://arxiv.org/abs/1412.6980; ε is outside the root."""

    name: ClassVar[str] = "adam"
    formula: ClassVar[str] = "m ← β₁m + (1−β₁)g;  v ← β₂v + (1−β₂)g²;  θ ← θ − lr·m̂/(√v̂ + ε)"

    lr: float = bounded(0.001, doc=LR_DOC, gt=0, le=1e9)
    betas: tuple[float, float] = bounded((0.9, 0.999), doc="β₁ and β₂: memory of g and of g²", ge=0, lt=1)
    eps: float = bounded(1e-8, doc="ε: keeps the division finite", gt=0, le=1)

    def build(self, parameters: Groups) -> torch.optim.Optimizer:
        return torch.optim.Adam(parameters, lr=self.lr, betas=self.betas, eps=self.eps, fused=True)


OPTIMIZERS: dict[str, type[Optimizer]] = {entry.name: entry for entry in (SGD, Momentum, Adam)}
