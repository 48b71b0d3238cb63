"""Activations (lecture, "activations"): nonlinear functions without parameters that keep the shape.

Advantages and drawbacks follow the lecture's tables; docs/architectures.md lists the corrections.
"""

from dataclasses import dataclass
from math import pi, sqrt

import torch
from torch import Tensor, nn

from app.learning.fields import bounded
from app.learning.layers.entry import DepthLimit, Layer, Shape
from app.learning.operators import OperatorGraph, number
from app.learning.source import Source, call


class Activation(Layer):
    """An activation; elementwise by default."""

    role = "activation"
    elementwise = True


@dataclass(frozen=True)
class ReLU(Activation):
    """The rectified linear unit. It has no derivative at 0; PyTorch uses 0 there."""

    type = "relu"
    formula = "max(0, x)"
    derivative = "1 for x > 0, else 0"
    range = "[0, ∞)"
    advantages = (
        "does not saturate for x > 0: gradients keep their size in deep networks, which learn faster than with sigmoid "
        "or tanh",
        "cheap: a comparison, no exponential",
    )
    drawbacks = (
        "a unit whose input is negative for every example is dead: its gradient is 0, and it stops learning",
        "not zero-centred: the weight gradients of a unit in the next layer share a sign, and the descent zigzags",
    )
    saved = "output"
    label = "ReLU"
    can_die = True
    fitting_init = "he"
    # PyTorch's initial weights have a variance of 1/(3·inputs); ReLU needs 2/inputs to preserve the size of activations
    # (He et al. 2015, https://arxiv.org/abs/1502.01852). Each layer shrinks activations and gradients to about 1/√6.
    # With Adam, ten layers learn digits badly; with SGD, six do not learn them at all.
    depth_limit = DepthLimit(
        10,
        "shrinking_depth",
        lambda count: (
            f"{count} successive ReLU layers with PyTorch's initial weights: each shrinks activations and gradients to "
            "about 0.4 of their size, so the first layers hardly learn"
        ),
        'use "init": "he", or put {"type": "batch_norm"} before each ReLU',
        default_init=True,
    )

    def module(self, shape: Shape) -> nn.Module:
        return nn.ReLU()

    def source(self, shape: Shape) -> Source:
        return Source(("nn.ReLU()",))

    def operators(self, graph: OperatorGraph, x: str, shape: Shape, module: nn.Module) -> str:
        return graph.apply("Relu", x)

    def derivative_at(self, z: Tensor) -> Tensor:
        return (z > 0).to(z.dtype)


@dataclass(frozen=True)
class LeakyReLU(Activation):
    """A ReLU with a small slope for negative numbers, so that no unit dies."""

    type = "leaky_relu"
    formula = "max(0, x) + slope·min(0, x)"
    derivative = "1 for x > 0, else slope"
    range = "(−∞, ∞)"
    advantages = ("no dead units", "quick: no exponential")
    drawbacks = ("one more hyperparameter",)
    label = "leaky ReLU"
    fitting_init = "he"

    slope: float = bounded(0.01, doc="slope for x < 0", ge=0, le=1)

    def module(self, shape: Shape) -> nn.Module:
        return nn.LeakyReLU(self.slope)

    def source(self, shape: Shape) -> Source:
        return Source((call("nn.LeakyReLU", self.slope),))

    def operators(self, graph: OperatorGraph, x: str, shape: Shape, module: nn.Module) -> str:
        return graph.apply("LeakyRelu", x, alpha=self.slope)

    @property
    def affine(self) -> bool:
        return self.slope == 1

    def derivative_at(self, z: Tensor) -> Tensor:
        return torch.where(z > 0, z.new_ones(()), z.new_tensor(self.slope))


@dataclass(frozen=True)
class ELU(Activation):
    """The exponential linear unit: like ReLU for x > 0, a smooth curve towards −α for x < 0.

    Clevert, Unterthiner & Hochreiter 2016, https://arxiv.org/abs/1511.07289.
    """

    type = "elu"
    formula = "x for x > 0, else α·(eˣ − 1)"
    derivative = "1 for x > 0, else α·eˣ"
    range = "(−α, ∞)"
    advantages = (
        "no dead units: the slope for negative numbers is small but not 0",
        "nearly zero-centred: negative outputs balance positive ones",
    )
    drawbacks = (
        "saturates at −α: units far below 0 learn slowly",
        "an exponential costs more than a comparison",
        "one more hyperparameter",
    )
    label = "ELU"
    fitting_init = "he"

    alpha: float = bounded(1.0, doc="α: outputs approach −α for very negative numbers", gt=0, le=1e3)

    def module(self, shape: Shape) -> nn.Module:
        return nn.ELU(self.alpha)

    def source(self, shape: Shape) -> Source:
        return Source((call("nn.ELU", self.alpha),))

    def operators(self, graph: OperatorGraph, x: str, shape: Shape, module: nn.Module) -> str:
        return graph.apply("Elu", x, alpha=self.alpha)

    def derivative_at(self, z: Tensor) -> Tensor:
        return torch.where(z > 0, z.new_ones(()), self.alpha * z.exp())


@dataclass(frozen=True)
class Sigmoid(Activation):
    """The logistic function. Its derivative σ(1 − σ) is at most 1/4, so deep stacks of sigmoids learn slowly."""

    type = "sigmoid"
    formula = "σ(x) = 1 / (1 + e⁻ˣ)"
    derivative = "σ(x)·(1 − σ(x)), at most 1/4"
    range = "(0, 1)"
    advantages = (
        "its output can be read as a probability",
        "smooth, and its derivative follows from its output",
        "its derivative is at most 1/4, so it never enlarges a gradient",
    )
    drawbacks = (
        "saturates on both sides: gradients vanish, especially in deep networks",
        "not zero-centred: the weight gradients of a unit in the next layer share a sign, and the descent zigzags",
        "an exponential costs more than a comparison",
    )
    saved = "output"
    probabilities = "independent"
    shrinks_gradients = True
    fitting_init = "xavier"
    # With PyTorch's initial weights, the first layer's gradient is then a hundredth of the last layer's.
    depth_limit = DepthLimit(
        3,
        "saturating_depth",
        lambda count: (
            f"{count} successive sigmoid layers: each has a derivative of at most 1/4, so at most 1/{4**count:,} of a "
            "gradient passes through them, and the first layers hardly learn"
        ),
        'use {"type": "relu"}',
    )

    def module(self, shape: Shape) -> nn.Module:
        return nn.Sigmoid()

    def source(self, shape: Shape) -> Source:
        return Source(("nn.Sigmoid()",))

    def operators(self, graph: OperatorGraph, x: str, shape: Shape, module: nn.Module) -> str:
        return graph.apply("Sigmoid", x)

    def derivative_at(self, z: Tensor) -> Tensor:
        return z.sigmoid() * (1 - z.sigmoid())

    @property
    def unsaturated_range(self) -> tuple[float, float] | None:
        return 0.02, 0.98


@dataclass(frozen=True)
class Tanh(Activation):
    """The hyperbolic tangent: a sigmoid rescaled to outputs around zero."""

    type = "tanh"
    formula = "tanh(x) = (eˣ − e⁻ˣ) / (eˣ + e⁻ˣ)"
    derivative = "1 − tanh²(x), at most 1"
    range = "(−1, 1)"
    advantages = (
        "zero-centred",
        "smooth, with a derivative of 1 at 0, four times the sigmoid's: gradients vanish later",
        "nonlinear, like every activation: the network can fit functions that no stack of linear layers can",
    )
    drawbacks = (
        "saturates on both sides: gradients vanish in deep networks",
        "an exponential costs more than a comparison",
    )
    saved = "output"
    shrinks_gradients = True
    fitting_init = "xavier"
    # Tanh saturates later than sigmoid: the first layer's gradient is then a tenth of the last layer's.
    depth_limit = DepthLimit(
        10,
        "saturating_depth",
        lambda count: (
            f"{count} successive tanh layers with PyTorch's initial weights: each shrinks the gradient, so the first "
            "layers hardly learn"
        ),
        'use "init": "xavier" or {"type": "relu"}',
        default_init=True,
    )

    def module(self, shape: Shape) -> nn.Module:
        return nn.Tanh()

    def source(self, shape: Shape) -> Source:
        return Source(("nn.Tanh()",))

    def operators(self, graph: OperatorGraph, x: str, shape: Shape, module: nn.Module) -> str:
        return graph.apply("Tanh", x)

    def derivative_at(self, z: Tensor) -> Tensor:
        return 1 - z.tanh().square()

    @property
    def unsaturated_range(self) -> tuple[float, float] | None:
        return -0.96, 0.96


@dataclass(frozen=True)
class GELU(Activation):
    """A smooth relative of ReLU: x times the probability that a standard normal variable is below x.

    Hendrycks & Gimpel 2016, https://arxiv.org/abs/1606.08415.
    """

    type = "gelu"
    formula = "x·Φ(x)"
    derivative = "Φ(x) + x·φ(x)"
    range = "[−0.17, ∞)"
    advantages = ("smooth", "no dead units")
    drawbacks = ("costs more than ReLU",)
    label = "GELU"
    fitting_init = "he"

    def module(self, shape: Shape) -> nn.Module:
        return nn.GELU()

    def source(self, shape: Shape) -> Source:
        return Source(("nn.GELU()",))

    def operators(self, graph: OperatorGraph, x: str, shape: Shape, module: nn.Module) -> str:
        erf = graph.apply("Erf", graph.apply("Div", x, number(sqrt(2))))
        return graph.apply("Mul", x, graph.apply("Mul", graph.apply("Add", erf, number(1)), number(0.5)))

    def derivative_at(self, z: Tensor) -> Tensor:
        return 0.5 * (1 + torch.erf(z / sqrt(2))) + z * torch.exp(-z.square() / 2) / sqrt(2 * pi)


@dataclass(frozen=True)
class Softmax(Activation):
    """Normalised exponentials: positive numbers that sum to 1 (lecture, the last layer of a classifier).

    `cross_entropy` applies a softmax itself. After a second one the loss cannot fall below ln(e + C − 1) − 1.
    """

    type = "softmax"
    formula = "pᵢ = eˣⁱ / Σⱼ eˣʲ"
    derivative = "∂pᵢ/∂xⱼ = pᵢ·(δᵢⱼ − pⱼ)"
    range = "(0, 1), summing to 1"
    advantages = ("its outputs can be read as probabilities",)
    drawbacks = ("wrong before cross_entropy, which applies a softmax itself",)
    saved = "output"
    elementwise = False
    probabilities = "exclusive"
    layout = "contiguous"
    shrinks_gradients = True
    body = "softmax"

    def module(self, shape: Shape) -> nn.Module:
        return nn.Softmax(-1 if len(shape) == 1 else -3)

    def source(self, shape: Shape) -> Source:
        return Source((call("nn.Softmax", dim=-1 if len(shape) == 1 else -3),))

    def operators(self, graph: OperatorGraph, x: str, shape: Shape, module: nn.Module) -> str:
        return graph.apply("Softmax", x, axis=1)


class Square(nn.Module):
    """x²."""

    def forward(self, x: Tensor) -> Tensor:
        return x.square()


class Sine(nn.Module):
    """sin x."""

    def forward(self, x: Tensor) -> Tensor:
        return x.sin()


class Log(nn.Module):
    """ln x: NaN for negative numbers, −∞ for 0."""

    def forward(self, x: Tensor) -> Tensor:
        return x.log()


@dataclass(frozen=True)
class SquareActivation(Activation):
    """The square, one of the lecture's examples of a nonlinearity. Use it with care."""

    type = "square"
    formula = "x²"
    derivative = "2x"
    range = "[0, ∞)"
    advantages = (
        "cheap: one product, no exponential",
        "lets a network multiply its inputs: (a + b)² − (a − b)² = 4ab, which ReLUs can only approximate",
    )
    drawbacks = (
        "small numbers shrink and large ones explode, layer by layer",
        "not monotonic: x and −x give the same output",
    )
    caution = "x² makes small numbers vanish and large ones explode, more so in deep networks"
    degree = 2
    shrinks_gradients = True  # small numbers become smaller, layer by layer

    def module(self, shape: Shape) -> nn.Module:
        return Square()

    def source(self, shape: Shape) -> Source:
        return Source(("Square()",), (Square,))

    def operators(self, graph: OperatorGraph, x: str, shape: Shape, module: nn.Module) -> str:
        return graph.apply("Mul", x, x)

    def derivative_at(self, z: Tensor) -> Tensor:
        return 2 * z


@dataclass(frozen=True)
class SineActivation(Activation):
    """The sine, one of the lecture's examples of a nonlinearity. Use it with care."""

    type = "sine"
    formula = "sin x"
    derivative = "cos x"
    range = "[−1, 1]"
    advantages = ("bounded and zero-centred",)
    drawbacks = ("not monotonic: many inputs give the same output, and the loss has many local minima",)
    caution = "sin x is not monotonic: many inputs give the same output, and the loss has many local minima"

    def module(self, shape: Shape) -> nn.Module:
        return Sine()

    def source(self, shape: Shape) -> Source:
        return Source(("Sine()",), (Sine,))

    def operators(self, graph: OperatorGraph, x: str, shape: Shape, module: nn.Module) -> str:
        return graph.apply("Sin", x)

    def derivative_at(self, z: Tensor) -> Tensor:
        return z.cos()


@dataclass(frozen=True)
class LogActivation(Activation):
    """The logarithm, one of the lecture's examples of a nonlinearity. It takes positive numbers only."""

    type = "log"
    formula = "ln x"
    derivative = "1 / x"
    range = "(−∞, ∞), for x > 0 alone"
    advantages = (
        "turns products of positive numbers into sums, and brings numbers of different orders of magnitude to one "
        "scale",
    )
    drawbacks = ("NaN for negative numbers and −∞ for 0: a linear layer outputs both",)
    caution = (
        "ln x is NaN for negative numbers and −∞ for 0, and a linear layer outputs both: expect NaN at the first step"
    )
    positive_only = True

    def module(self, shape: Shape) -> nn.Module:
        return Log()

    def source(self, shape: Shape) -> Source:
        return Source(("Log()",), (Log,))

    def operators(self, graph: OperatorGraph, x: str, shape: Shape, module: nn.Module) -> str:
        return graph.apply("Log", x)

    def derivative_at(self, z: Tensor) -> Tensor:
        return 1 / z


ENTRIES = (ReLU, LeakyReLU, ELU, Sigmoid, Tanh, GELU, Softmax, SquareActivation, SineActivation, LogActivation)
