"""The fully connected layer (lecture, "the fully connected layer")."""

from dataclasses import dataclass
from math import prod

from torch import nn

from app.learning.fields import bounded
from app.learning.layers.entry import Shape
from app.learning.layers.trainable import LinearMap, Trainable
from app.learning.operators import OperatorGraph
from app.learning.source import Source, call


@dataclass(frozen=True)
class Linear(Trainable, LinearMap):
    """The fully connected layer: each output is a weighted sum of all inputs. Pictures are flattened first.

    PyTorch stores W transposed: `weight` in the state_dict has the shape (units, inputs). The lecture's FC(X) = σ(XW)
    has no b: set `bias: false`.
    """

    type = "linear"
    formula = "Y = XW + b"
    derivative = "∂L/∂W = Xᵀ·∂L/∂Y,  ∂L/∂b = Σ ∂L/∂Y,  ∂L/∂X = ∂L/∂Y·Wᵀ"
    advantages = (
        "every output depends on every input",
        "one matrix product, fast on all hardware",
    )
    drawbacks = (
        "inputs × units parameters",
        "ignores which pixels are neighbours",
        "two in a row equal one",
    )
    takes_rows = True
    saved = "input if trainable"  # ∂L/∂X needs only W
    body = "fully connected"

    units: int = bounded(doc="number of outputs", ge=1, le=10**8)
    bias: bool = bounded(True, doc="whether the layer has a bias b; false: Y = XW")

    @property
    def width(self) -> int:
        return self.units

    @property
    def stackable(self) -> bool:
        return True

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

    def operators(self, graph: OperatorGraph, x: str, shape: Shape, module: nn.Module) -> str:
        assert isinstance(module, nn.Linear)
        return graph.apply("Gemm", x, module.weight, module.bias, transB=1)


ENTRIES = (Linear,)
