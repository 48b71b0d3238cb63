"""The fully connected layer (lecture, "the fully connected layer")."""

from dataclasses import dataclass
from math import prod
from typing import ClassVar

from torch import nn

from app.learning.fields import bounded
from app.learning.layers.entry import (
    FACTOR_DOC,
    INIT_DOC,
    TRAINABLE_DOC,
    Init,
    Keeps,
    Shape,
    learning,
    learning_source,
)
from app.learning.source import Source, call


@dataclass(frozen=True)
class Linear:
    """The fully connected layer: each output is a weighted sum of all inputs. A picture is flattened before it.

    PyTorch keeps W transposed: `weight` in the state_dict has the shape (units, inputs). The lecture's FC(X) = σ(XW)
    has no b: `bias: false`.
    """

    type: ClassVar[str] = "linear"
    keeps: ClassVar[Keeps] = "input"
    formula: ClassVar[str] = "Y = XW + b"
    derivative: ClassVar[str | None] = "∂L/∂W = Xᵀ·∂L/∂Y,  ∂L/∂b = Σ ∂L/∂Y,  ∂L/∂X = ∂L/∂Y·Wᵀ"
    range: ClassVar[str | None] = None
    advantages: ClassVar[tuple[str, ...]] = (
        "every output sees every input",
        "one product of matrices, quick everywhere",
    )
    drawbacks: ClassVar[tuple[str, ...]] = (
        "inputs × units parameters",
        "knows nothing of a picture's neighbourhoods",
        "two with nothing between them are one",
    )
    caution: ClassVar[str | None] = None

    units: int = bounded(doc="how many outputs the layer has", ge=1, le=10**8)
    bias: bool = bounded(True, doc="whether b is learnt; false: Y = XW")
    init: Init = bounded("default", doc=INIT_DOC)
    trainable: bool = bounded(True, doc=TRAINABLE_DOC)
    lr_factor: float = bounded(1.0, doc=FACTOR_DOC, gt=0, le=1e3)

    @property
    def has_parameters(self) -> bool:
        return True

    def output_shape(self, shape: Shape) -> Shape:
        return (self.units,)

    def parameters(self, shape: Shape) -> int:
        return (prod(shape) + self.bias) * self.units

    def multiply_adds(self, shape: Shape) -> int:
        return prod(shape) * self.units

    def module(self, shape: Shape) -> nn.Module:
        module = nn.Linear(prod(shape), self.units, self.bias)
        return learning(module, self.init, self.trainable, self.lr_factor)

    def source(self, shape: Shape) -> Source:
        module = call("nn.Linear", prod(shape), self.units, **({} if self.bias else {"bias": False}))
        return learning_source(module, self.init, self.trainable, self.lr_factor)


ENTRIES = (Linear,)
