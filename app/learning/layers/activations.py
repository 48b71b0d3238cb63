"""The nonlinearities (lecture, "activations"): applied to each number by itself, they learn nothing and keep the shape.

Advantages and drawbacks are the lecture's tables, mended where they are wrong (docs/architectures.md says where).
"""

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor, nn

from app.learning.fields import bounded
from app.learning.layers.entry import Keeps, Parameterless, Shape
from app.learning.source import Source, call


@dataclass(frozen=True)
class ReLU(Parameterless):
    """The rectified linear unit. Its derivative at 0 does not exist; PyTorch takes 0 there."""

    type: ClassVar[str] = "relu"
    keeps: ClassVar[Keeps] = "output"
    formula: ClassVar[str] = "max(0, x)"
    derivative: ClassVar[str | None] = "1 for x > 0, else 0"
    range: ClassVar[str | None] = "[0, ∞)"
    advantages: ClassVar[tuple[str, ...]] = (
        "does not saturate for x > 0: gradients keep their size in depth, and it learns faster than sigmoid and tanh",
        "simple and quick: a comparison, no exponential",
    )
    drawbacks: ClassVar[tuple[str, ...]] = (
        "a unit that is negative for every example is dead: its gradient is 0 and it learns no more",
        "not centred on zero: the weight gradients of a unit behind it share a sign, and the descent zigzags",
    )

    def module(self, shape: Shape) -> nn.Module:
        return nn.ReLU()

    def source(self, shape: Shape) -> Source:
        return Source(("nn.ReLU()",))


@dataclass(frozen=True)
class LeakyReLU(Parameterless):
    """A ReLU that lets a little through on the negative side, so that no unit dies."""

    type: ClassVar[str] = "leaky_relu"
    formula: ClassVar[str] = "max(0, x) + slope·min(0, x)"
    derivative: ClassVar[str | None] = "1 for x > 0, else slope"
    range: ClassVar[str | None] = "(−∞, ∞)"
    advantages: ClassVar[tuple[str, ...]] = ("no dead units", "quick: no exponential")
    drawbacks: ClassVar[tuple[str, ...]] = ("one more number to choose",)

    slope: float = bounded(0.01, doc="how much of a negative number is let through", ge=0, le=1)

    def module(self, shape: Shape) -> nn.Module:
        return nn.LeakyReLU(self.slope)

    def source(self, shape: Shape) -> Source:
        return Source((call("nn.LeakyReLU", self.slope),))


@dataclass(frozen=True)
class Sigmoid(Parameterless):
    """The logistic function; its derivative σ(1 − σ) is at most 1/4, so deep stacks of it learn slowly."""

    type: ClassVar[str] = "sigmoid"
    keeps: ClassVar[Keeps] = "output"
    formula: ClassVar[str] = "σ(x) = 1 / (1 + e⁻ˣ)"
    derivative: ClassVar[str | None] = "σ(x)·(1 − σ(x)), at most 1/4"
    range: ClassVar[str | None] = "(0, 1)"
    advantages: ClassVar[tuple[str, ...]] = (
        "its value can be read as a probability",
        "smooth, and its derivative is had from its value",
        "its derivative is at most 1/4: it makes no gradient larger",
    )
    drawbacks: ClassVar[tuple[str, ...]] = (
        "saturates on both sides: gradients vanish, all the more in depth",
        "not centred on zero: the weight gradients of a unit behind it share a sign, and the descent zigzags",
        "an exponential costs more than a comparison",
    )

    def module(self, shape: Shape) -> nn.Module:
        return nn.Sigmoid()

    def source(self, shape: Shape) -> Source:
        return Source(("nn.Sigmoid()",))


@dataclass(frozen=True)
class Tanh(Parameterless):
    """The hyperbolic tangent: a sigmoid that is centred on zero."""

    type: ClassVar[str] = "tanh"
    keeps: ClassVar[Keeps] = "output"
    formula: ClassVar[str] = "tanh(x) = (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)"
    derivative: ClassVar[str | None] = "1 − tanh²(x), at most 1"
    range: ClassVar[str | None] = "(−1, 1)"
    advantages: ClassVar[tuple[str, ...]] = (
        "centred on zero",
        "smooth, with a derivative of 1 at 0, four times the sigmoid's: gradients vanish later",
        "nonlinear, as all of these are: with it layers fit what no stack of linear ones can",
    )
    drawbacks: ClassVar[tuple[str, ...]] = (
        "saturates on both sides: gradients vanish in depth",
        "an exponential costs more than a comparison",
    )

    def module(self, shape: Shape) -> nn.Module:
        return nn.Tanh()

    def source(self, shape: Shape) -> Source:
        return Source(("nn.Tanh()",))


@dataclass(frozen=True)
class GELU(Parameterless):
    """A smooth relative of ReLU: x times the chance that a standard normal number is below it.

    Hendrycks & Gimpel 2016, https://arxiv.org/abs/1606.08415.
    """

    type: ClassVar[str] = "gelu"
    formula: ClassVar[str] = "x·Φ(x)"
    derivative: ClassVar[str | None] = "Φ(x) + x·φ(x)"
    range: ClassVar[str | None] = "[−0.17, ∞)"
    advantages: ClassVar[tuple[str, ...]] = ("smooth", "no dead units")
    drawbacks: ClassVar[tuple[str, ...]] = ("costs more than ReLU",)

    def module(self, shape: Shape) -> nn.Module:
        return nn.GELU()

    def source(self, shape: Shape) -> Source:
        return Source(("nn.GELU()",))


@dataclass(frozen=True)
class Softmax(Parameterless):
    """Numbers as shares that sum to 1 (lecture, the last layer of a classifier).

    `cross_entropy` takes the softmax itself: with one before it the loss cannot fall below ln(e + C − 1) − 1.
    """

    type: ClassVar[str] = "softmax"
    keeps: ClassVar[Keeps] = "output"
    formula: ClassVar[str] = "pᵢ = eˣⁱ / Σⱼ eˣʲ"
    derivative: ClassVar[str | None] = "∂pᵢ/∂xⱼ = pᵢ·(δᵢⱼ − pⱼ)"
    range: ClassVar[str | None] = "(0, 1), summing to 1"
    advantages: ClassVar[tuple[str, ...]] = ("its values can be read as probabilities",)
    drawbacks: ClassVar[tuple[str, ...]] = ("before cross_entropy it is one softmax too many",)

    def module(self, shape: Shape) -> nn.Module:
        return nn.Softmax(-1 if len(shape) == 1 else -3)

    def source(self, shape: Shape) -> Source:
        return Source((call("nn.Softmax", dim=-1 if len(shape) == 1 else -3),))


class Square(nn.Module):
    """x²."""

    def forward(self, x: Tensor) -> Tensor:
        return x.square()


class Sine(nn.Module):
    """sin x."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sin()


class Log(nn.Module):
    """ln x: NaN for what is negative, −∞ for 0."""

    def forward(self, x: Tensor) -> Tensor:
        return x.log()


@dataclass(frozen=True)
class SquareActivation(Parameterless):
    """The square: one of the lecture's examples of a nonlinearity, and what to choose with care."""

    type: ClassVar[str] = "square"
    formula: ClassVar[str] = "x²"
    derivative: ClassVar[str | None] = "2x"
    range: ClassVar[str | None] = "[0, ∞)"
    advantages: ClassVar[tuple[str, ...]] = (
        "simple and quick: one product, no exponential",
        "with it a network multiplies its inputs: (a + b)² − (a − b)² = 4ab, which ReLUs only come near",
    )
    drawbacks: ClassVar[tuple[str, ...]] = (
        "small numbers shrink and large ones explode, layer by layer",
        "not monotonic: x and −x look alike",
    )
    caution: ClassVar[str | None] = "x² makes small numbers vanish and large ones explode, the more so in depth"

    def module(self, shape: Shape) -> nn.Module:
        return Square()

    def source(self, shape: Shape) -> Source:
        return Source(("Square()",), (Square,))


@dataclass(frozen=True)
class SineActivation(Parameterless):
    """The sine: one of the lecture's examples of a nonlinearity, and what to choose with care."""

    type: ClassVar[str] = "sine"
    formula: ClassVar[str] = "sin x"
    derivative: ClassVar[str | None] = "cos x"
    range: ClassVar[str | None] = "[−1, 1]"
    advantages: ClassVar[tuple[str, ...]] = ("bounded and centred on zero",)
    drawbacks: ClassVar[tuple[str, ...]] = ("not monotonic: many inputs look alike, and the loss has many valleys",)
    caution: ClassVar[str | None] = "sin x is not monotonic: many inputs look alike, and the loss has many valleys"

    def module(self, shape: Shape) -> nn.Module:
        return Sine()

    def source(self, shape: Shape) -> Source:
        return Source(("Sine()",), (Sine,))


@dataclass(frozen=True)
class LogActivation(Parameterless):
    """The logarithm: one of the lecture's examples of a nonlinearity, and not one for numbers of any sign."""

    type: ClassVar[str] = "log"
    formula: ClassVar[str] = "ln x"
    derivative: ClassVar[str | None] = "1 / x"
    range: ClassVar[str | None] = "(−∞, ∞), for x > 0 alone"
    advantages: ClassVar[tuple[str, ...]] = (
        "of numbers above 0 it makes products sums, and brings those that are powers of ten apart to one scale",
    )
    drawbacks: ClassVar[tuple[str, ...]] = ("NaN for negative numbers and −∞ for 0: a linear layer gives both",)
    caution: ClassVar[str | None] = (
        "ln x is NaN for negative numbers and −∞ for 0, and a linear layer gives both: expect NaN at the first step"
    )

    def module(self, shape: Shape) -> nn.Module:
        return Log()

    def source(self, shape: Shape) -> Source:
        return Source(("Log()",), (Log,))


ENTRIES = (ReLU, LeakyReLU, Sigmoid, Tanh, GELU, Softmax, SquareActivation, SineActivation, LogActivation)
