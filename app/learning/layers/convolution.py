"""Layers for pictures: convolution and pooling (lecture, VGG)."""

from dataclasses import dataclass
from math import prod
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from app.learning.errors import InvalidChoice
from app.learning.fields import bounded
from app.learning.layers.entry import INDEX, Layer, Shape, Window
from app.learning.layers.trainable import LinearMap, Trainable
from app.learning.operators import OperatorGraph
from app.learning.source import Source, call
from app.messages import Fix


def picture_shape(shape: Shape, layer: str) -> tuple[int, int, int]:
    """Channels, height and width. Raises InvalidChoice for rows."""
    if len(shape) != 3:
        raise InvalidChoice("needs_pictures", layer=layer, shape=shape)
    return shape[0], shape[1], shape[2]


def positions(size: int, kernel_size: int, stride: int, padding: int, field: str) -> int:
    """Number of positions of a window on `size` pixels plus padding. Raises InvalidChoice if it does not fit."""
    if size + 2 * padding < kernel_size:
        most = size + 2 * padding
        raise InvalidChoice(
            "window_too_large", f"/{field}", Fix(f"/{field}", most),
            kernel_size=kernel_size, size=size, padding=padding, limit=most,
        )  # fmt: skip
    return (size + 2 * padding - kernel_size) // stride + 1


@dataclass(frozen=True)
class Conv2d(Trainable, LinearMap):
    """Convolution: a small window of weights slides over the picture. Each output channel has its own weights."""

    type = "conv2d"
    formula = "y[c, i, j] = b[c] + Σ w[c, k, u, v]·x[k, i·s + u − p, j·s + v − p],  x = 0 outside"
    derivative = "∂L/∂w[c, k, u, v] = Σ ∂L/∂y[c, i, j]·x[k, i·s + u − p, j·s + v − p]"
    advantages = (
        "finds a pattern anywhere in the picture",
        "few parameters, however large the picture",
    )
    drawbacks = ("sees only as far as its window", "many multiplications for each parameter")
    layout = "channels last"
    label = "conv"
    body = "convolution"

    channels: int = bounded(doc="number of output channels", ge=1, le=10**5)
    kernel_size: int = bounded(3, doc="side of the window, in pixels", ge=1, le=1000)
    stride: int = bounded(1, doc="s: step of the window, in pixels", ge=1, le=1000)
    padding: int | None = bounded(
        None,
        doc="p: zeros on each side; null: (kernel_size − 1) / 2, rounded down. At stride 1 this keeps the picture's "
        "size if kernel_size is odd, and removes one pixel if it is even",
        ge=0,
        le=1000,
    )
    bias: bool = bounded(True, doc="whether the layer has a bias b")

    @property
    def width(self) -> int:
        return self.channels

    @property
    def window(self) -> Window:
        return Window(self.kernel_size, self.stride)

    @property
    def zeros(self) -> int:
        """Padding on each side, in pixels."""
        return (self.kernel_size - 1) // 2 if self.padding is None else self.padding

    def fan_in(self, shape: Shape) -> int:
        return shape[0] * self.kernel_size**2

    def output_shape(self, shape: Shape) -> Shape:
        _, *sides = picture_shape(shape, self.type)
        return (
            self.channels,
            *(positions(side, self.kernel_size, self.stride, self.zeros, "kernel_size") for side in sides),
        )

    def parameters(self, shape: Shape) -> int:
        return (self.fan_in(shape) + self.bias) * self.channels

    def multiply_adds(self, shape: Shape) -> int:
        channels, height, width = self.output_shape(shape)
        return self.fan_in(shape) * channels * height * width

    def bare_module(self, shape: Shape) -> nn.Module:
        return convolution(shape[0], self.channels, self.kernel_size, self.stride, self.zeros, self.bias)

    def bare_source(self, shape: Shape) -> Source:
        return convolution_source(shape[0], self.channels, self.kernel_size, self.stride, self.zeros, self.bias)

    def operators(self, graph: OperatorGraph, x: str, shape: Shape, module: nn.Module) -> str:
        assert isinstance(module, nn.Conv2d)
        return convolution_operators(graph, x, module)

    def copied_input(self, shape: Shape) -> int:
        """Number of values in the padded input of `Sparse`; 0 for other convolutions."""
        if _kind(self.kernel_size, self.stride) is Sparse and self.zeros:
            return shape[0] * prod(side + 2 * self.zeros for side in shape[1:])
        return 0


def convolution(inputs: int, outputs: int, kernel_size: int, stride: int, padding: int, bias: bool) -> nn.Conv2d:
    """PyTorch's convolution, or `Sparse` where PyTorch's has a bug."""
    return _kind(kernel_size, stride)(inputs, outputs, kernel_size, stride, padding, bias=bias)


def convolution_source(inputs: int, outputs: int, kernel_size: int, stride: int, padding: int, bias: bool) -> Source:
    """Code of `convolution`, without arguments that have PyTorch's default."""
    kind = _kind(kernel_size, stride)
    fields = {"stride": (stride, 1), "padding": (padding, 0), "bias": (bias, True)}
    changed = {name: value for name, (value, default) in fields.items() if value != default}
    name, names = ("Sparse", (kind,)) if kind is Sparse else ("nn.Conv2d", ())
    return Source((call(name, inputs, outputs, kernel_size, **changed),), names)


def convolution_operators(graph: OperatorGraph, x: str, module: nn.Conv2d) -> str:
    """Append the evaluation of such a module; returns the name of the output."""
    pads = [int(side) for side in module.padding] * 2
    return graph.apply("Conv", x, module.weight, module.bias, strides=module.stride, pads=pads)


def _kind(kernel_size: int, stride: int) -> type[nn.Conv2d]:
    return Sparse if kernel_size == 1 and stride > 1 else nn.Conv2d


class Sparse(nn.Conv2d):
    """Convolution with 1×1 windows and a stride above 1: selects the pixels under the windows, then multiplies.

    Equal to `nn.Conv2d`, whose oneDNN kernel writes out of bounds for few channels: it gives wrong gradients or
    crashes the process (PyTorch 2.13 on a CPU without AVX-512).
    https://github.com/uxlfoundation/oneDNN/issues/6035
    """

    def forward(self, input: Tensor) -> Tensor:
        down, right = self.stride
        vertical, horizontal = (int(side) for side in self.padding)
        around = horizontal, horizontal, vertical, vertical
        padded = F.pad(input, around) if any(around) else input
        return F.conv2d(padded[:, :, ::down, ::right], self.weight, self.bias)


@dataclass(frozen=True)
class _Pool(Layer):
    """Pooling: one number for each window of each channel."""

    role = "pooling"
    body = "pooling"
    operator: ClassVar[str]

    kernel_size: int = bounded(2, doc="side of the window, in pixels", ge=1, le=1000)
    stride: int | None = bounded(None, doc="step of the window, in pixels; null: kernel_size", ge=1, le=1000)

    def output_shape(self, shape: Shape) -> Shape:
        channels, *sides = picture_shape(shape, "pooling")
        size, stride = self.window
        return (channels, *(positions(side, size, stride, 0, "kernel_size") for side in sides))

    @property
    def window(self) -> Window:
        return Window(self.kernel_size, self.stride or self.kernel_size)

    def source(self, shape: Shape) -> Source:
        moved = {} if self.stride in (None, self.kernel_size) else {"stride": self.stride}
        return Source((call(f"nn.{type(self).__name__}", self.kernel_size, **moved),))

    def operators(self, graph: OperatorGraph, x: str, shape: Shape, module: nn.Module) -> str:
        size, stride = self.window
        return graph.apply(self.operator, x, kernel_shape=[size, size], strides=[stride, stride])


@dataclass(frozen=True)
class MaxPool2d(_Pool):
    """Max pooling: the largest number of each window. Patterns are kept, their exact positions are not."""

    type = "max_pool2d"
    formula = "y[c, i, j] = max x[c, i·s + u, j·s + v]"
    derivative = "1 at the maximum, 0 elsewhere"
    advantages = (
        "smaller pictures: fewer multiplications, and later layers see a larger area",
        "still finds a pattern that is shifted by a pixel",
    )
    drawbacks = ("loses the position of a pattern within its window",)
    label = "max pool"
    operator = "MaxPool"
    composes = True

    def module(self, shape: Shape) -> nn.Module:
        return nn.MaxPool2d(self.kernel_size, self.stride)

    def saved_per_example(self, shape: Shape) -> int:
        """Positions of the maxima."""
        return INDEX * prod(self.output_shape(shape))


@dataclass(frozen=True)
class AvgPool2d(_Pool):
    """Mean pooling: the mean of each window."""

    type = "avg_pool2d"
    formula = "y[c, i, j] = mean x[c, i·s + u, j·s + v]"
    derivative = "1 / kernel_size² everywhere in the window"
    advantages = (
        "smaller pictures: fewer multiplications, and later layers see a larger area",
        "every pixel of a window gets a share of the gradient",
    )
    drawbacks = ("blurs: a single strong pixel is averaged with its neighbours",)
    label = "mean pool"
    operator = "AveragePool"

    @property
    def affine(self) -> bool:
        return True

    def module(self, shape: Shape) -> nn.Module:
        return nn.AvgPool2d(self.kernel_size, self.stride)


ENTRIES = (Conv2d, MaxPool2d, AvgPool2d)
