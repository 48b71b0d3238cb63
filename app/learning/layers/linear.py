"""The fully connected layer (lecture, "the fully connected layer")."""

from dataclasses import dataclass
from math import prod

from torch import nn

from app.learning.fields import bounded
from app.learning.layers.entry import Shape
from app.learning.layers.trainable import LinearMap, Trainable
from app.learning.source import Source, call


@dataclass(frozen=True)
class Linear(Trainable, LinearMap):
    """The fully connected layer: each output is a weighted sum of all inputs. A picture is flattened before it.

    PyTorch stores W transposed: `weight` in the state_dict has the shape (units, inputs). The lecture's FC(X) = σ(XW)
    has no b: `bias: false`.
    """

    type = "linear"
    formula = "Y = XW + b"
    derivative = "∂L/∂W = Xᵀ·∂L/∂Y,  ∂L/∂b = Σ ∂L/∂Y,  ∂L/∂X = ∂L/∂Y·Wᵀ"
    advantages = (
        "every output sees every input",
        "one product of matrices, quick everywhere",
    )
    drawbacks = (
        "inputs × units parameters",
        "knows nothing of a picture's neighbourhoods",
        "two with nothing between them are one",
    )
    takes_rows = True
    saved = "input if trainable"  # ∂L/∂X needs W alone
    body = "fully connected"

    units: int = bounded(doc="how many outputs the layer has", ge=1, le=10**8)
    bias: bool = bounded(True, doc="whether b is learnt; false: Y = XW")

    @property
    def width(self) -> int:
        return self.units

    def fan_in(self, shape: Shape) -> int:
        return prod(shape)

    def output_shape(self, shape: Shape) -> Shape:
        return (self.units,)

    def parameters(self, shape: Shape) -> int:
        return (prod(shape) + self.bias) * self.units

    def multiply_adds(self, shape: Shape) -> int:
        return prod(shape) * self.units

    def bare_module(self, shape: Shape) -> nn.Module:
        return nn.Linear(prod(shape), self.units, self.bias)

    def bare_source(self, shape: Shape) -> Source:
        return Source((call("nn.Linear", prod(shape), self.units, **({} if self.bias else {"bias": False})),))


ENTRIES = (Linear,)
