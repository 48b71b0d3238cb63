"""The layers, an entry each: its fields, shape rule, module and formula.

An entry is a frozen dataclass. A new layer is one class here, named in `LAYERS`; the API's schema follows from it.
"""

from dataclasses import dataclass
from math import prod
from typing import ClassVar, Protocol

from torch import nn

from app.learning.fields import bounded

Shape = tuple[int, ...]


class Layer(Protocol):
    """What every entry offers. Shapes are without the batch, channels first."""

    type: ClassVar[str]
    formula: ClassVar[str]
    has_parameters: ClassVar[bool]

    def output_shape(self, shape: Shape) -> Shape:
        """The shape that comes out when `shape` goes in."""
        ...

    def parameters(self, shape: Shape) -> int:
        """How many numbers it learns."""
        ...

    def module(self, shape: Shape) -> nn.Module:
        """The PyTorch module for inputs of `shape`."""
        ...


@dataclass(frozen=True)
class Linear:
    """The fully connected layer (lecture, "the fully connected layer").

    PyTorch keeps W transposed: `weight` in the state_dict has the shape (units, inputs).
    """

    type: ClassVar[str] = "linear"
    formula: ClassVar[str] = "Y = XW + b"
    has_parameters: ClassVar[bool] = True

    units: int = bounded(doc="how many outputs the layer has", ge=1, le=10**8)

    def output_shape(self, shape: Shape) -> Shape:
        return (self.units,)

    def parameters(self, shape: Shape) -> int:
        return (prod(shape) + 1) * self.units

    def module(self, shape: Shape) -> nn.Module:
        return nn.Linear(prod(shape), self.units)


@dataclass(frozen=True)
class _Activation:
    """A nonlinearity: applied to each number by itself, learns nothing, keeps the shape."""

    has_parameters: ClassVar[bool] = False

    def output_shape(self, shape: Shape) -> Shape:
        return shape

    def parameters(self, shape: Shape) -> int:
        return 0


@dataclass(frozen=True)
class ReLU(_Activation):
    """The rectified linear unit. Its derivative at 0 does not exist; PyTorch takes 0 there."""

    type: ClassVar[str] = "relu"
    formula: ClassVar[str] = "max(0, x)"

    def module(self, shape: Shape) -> nn.Module:
        return nn.ReLU()


@dataclass(frozen=True)
class Sigmoid(_Activation):
    """The logistic function; its derivative σ(1 − σ) is at most 1/4, so deep stacks of it learn slowly."""

    type: ClassVar[str] = "sigmoid"
    formula: ClassVar[str] = "σ(x) = 1 / (1 + e⁻ˣ)"

    def module(self, shape: Shape) -> nn.Module:
        return nn.Sigmoid()


@dataclass(frozen=True)
class Tanh(_Activation):
    """The hyperbolic tangent: a sigmoid that is centred on zero; its derivative is 1 − tanh²."""

    type: ClassVar[str] = "tanh"
    formula: ClassVar[str] = "tanh(x) = (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)"

    def module(self, shape: Shape) -> nn.Module:
        return nn.Tanh()


@dataclass(frozen=True)
class Softmax(_Activation):
    """Probabilities that sum to 1, over the last dimension. At the end of a network that cross-entropy trains it is
    one too many: that loss applies its own."""

    type: ClassVar[str] = "softmax"
    formula: ClassVar[str] = "softmax(x)_c = exp(x_c) / Σ_k exp(x_k)"

    def module(self, shape: Shape) -> nn.Module:
        return nn.Softmax(-1)


LAYERS: dict[str, type[Layer]] = {entry.type: entry for entry in (Linear, ReLU, Sigmoid, Tanh, Softmax)}
