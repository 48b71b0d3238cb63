"""Layers that do one thing while the network learns and another when it predicts."""

from dataclasses import dataclass
from typing import ClassVar

from torch import nn

from app.learning.fields import bounded
from app.learning.layers.entry import (
    FACTOR_DOC,
    TRAINABLE_DOC,
    Keeps,
    Parameterless,
    Shape,
    learning,
    learning_source,
)
from app.learning.source import Source, call


@dataclass(frozen=True)
class Dropout(Parameterless):
    """In training each number is left out with probability p and the rest scaled up; in evaluation nothing happens.

    Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html.
    """

    type: ClassVar[str] = "dropout"
    keeps: ClassVar[Keeps] = None
    formula: ClassVar[str] = "y = x·m / (1 − p),  m = 0 with probability p, else 1;  in evaluation y = x"
    derivative: ClassVar[str | None] = "m / (1 − p)"
    advantages: ClassVar[tuple[str, ...]] = ("no unit can rely on another one: less overfitting",)
    drawbacks: ClassVar[tuple[str, ...]] = ("learns more slowly", "wrong answers where eval mode is forgotten")

    p: float = bounded(0.5, doc="the share that is left out", ge=0, lt=1)

    def module(self, shape: Shape) -> nn.Module:
        return nn.Dropout(self.p)

    def source(self, shape: Shape) -> Source:
        return Source((call("nn.Dropout", self.p),))


@dataclass(frozen=True)
class BatchNorm:
    """Centres and scales each channel (or number) by the batch in training, by what it has seen on the whole later.

    Ioffe & Szegedy 2015, https://arxiv.org/abs/1502.03167.
    """

    type: ClassVar[str] = "batch_norm"
    keeps: ClassVar[Keeps] = "input"
    formula: ClassVar[str] = "y = γ·(x − μ) / √(σ² + ε) + β;  μ, σ² of the batch, in evaluation their running means"
    derivative: ClassVar[str | None] = (
        "∂L/∂x = γ / √(σ² + ε)·(∂L/∂y − mean ∂L/∂y − x̂·mean(x̂·∂L/∂y)),  x̂ = (x − μ) / √(σ² + ε), means over the batch; "
        "in evaluation γ / √(σ² + ε)·∂L/∂y"
    )
    range: ClassVar[str | None] = None
    advantages: ClassVar[tuple[str, ...]] = (
        "larger learning rates",
        "deep networks whose activations keep their scale",
    )
    drawbacks: ClassVar[tuple[str, ...]] = ("needs batches of two and more", "an example's answer depends on its batch")
    caution: ClassVar[str | None] = None

    eps: float = bounded(1e-5, doc="ε: keeps the division finite", gt=0, le=1)
    momentum: float = bounded(0.1, doc="how much of each batch goes into the running means", gt=0, le=1)
    trainable: bool = bounded(True, doc=TRAINABLE_DOC)
    lr_factor: float = bounded(1.0, doc=FACTOR_DOC, gt=0, le=1e3)

    @property
    def has_parameters(self) -> bool:
        return True

    def output_shape(self, shape: Shape) -> Shape:
        return shape

    def parameters(self, shape: Shape) -> int:
        return 2 * shape[0]

    def multiply_adds(self, shape: Shape) -> int:
        return 0

    def module(self, shape: Shape) -> nn.Module:
        module = _norm(shape)(shape[0], self.eps, self.momentum)
        return learning(module, "default", self.trainable, self.lr_factor)

    def source(self, shape: Shape) -> Source:
        fields = {"eps": (self.eps, 1e-5), "momentum": (self.momentum, 0.1)}
        said = {name: value for name, (value, usual) in fields.items() if value != usual}
        module = call(f"nn.{_norm(shape).__name__}", shape[0], **said)
        return learning_source(module, "default", self.trainable, self.lr_factor)


def _norm(shape: Shape) -> type[nn.BatchNorm1d | nn.BatchNorm2d]:
    return nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d


ENTRIES = (Dropout, BatchNorm)
