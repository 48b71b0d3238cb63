"""Layers for pictures: convolution and pooling (lecture, VGG)."""

from dataclasses import dataclass
from typing import ClassVar

import torch.nn.functional as F
from torch import Tensor, nn

from app.learning.errors import InvalidChoice
from app.learning.fields import bounded
from app.learning.layers.entry import (
    FACTOR_DOC,
    INIT_DOC,
    TRAINABLE_DOC,
    Init,
    Keeps,
    Parameterless,
    Shape,
    learning,
    learning_source,
    needs_picture,
)
from app.learning.source import Source, call
from app.messages import Fix


def slid(size: int, kernel_size: int, stride: int, padding: int, field: str) -> int:
    """How many places a window of `kernel_size` has on `size` pixels. Raises InvalidChoice when it has none."""
    if size + 2 * padding < kernel_size:
        most = size + 2 * padding
        raise InvalidChoice(
            "window_too_large", f"/{field}", Fix(f"/{field}", most),
            kernel_size=kernel_size, size=size, padding=padding, limit=most,
        )  # fmt: skip
    return (size + 2 * padding - kernel_size) // stride + 1


@dataclass(frozen=True)
class Conv2d:
    """Convolution: one small window of weights slides over the picture, for each output channel another one."""

    type: ClassVar[str] = "conv2d"
    keeps: ClassVar[Keeps] = "input"
    formula: ClassVar[str] = "y[c, i, j] = b[c] + Σ w[c, k, u, v]·x[k, i·s + u − p, j·s + v − p],  x = 0 outside"
    derivative: ClassVar[str | None] = "∂L/∂w[c, k, u, v] = Σ ∂L/∂y[c, i, j]·x[k, i·s + u − p, j·s + v − p]"
    range: ClassVar[str | None] = None
    advantages: ClassVar[tuple[str, ...]] = (
        "finds a pattern wherever it stands",
        "few parameters, whatever the picture's size",
    )
    drawbacks: ClassVar[tuple[str, ...]] = ("sees only as far as its window", "many products for each parameter")
    caution: ClassVar[str | None] = None

    channels: int = bounded(doc="how many output channels the layer has", ge=1, le=10**5)
    kernel_size: int = bounded(3, doc="side of the window", ge=1, le=1000)
    stride: int = bounded(1, doc="s: how far the window moves", ge=1, le=1000)
    padding: int | None = bounded(
        None,
        doc="p: zeros on each side; null: (kernel_size − 1) / 2, rounded down, which at stride 1 keeps the size where "
        "kernel_size is odd, and takes a pixel off where it is even",
        ge=0,
        le=1000,
    )
    bias: bool = bounded(True, doc="whether b is learnt")
    init: Init = bounded("default", doc=INIT_DOC)
    trainable: bool = bounded(True, doc=TRAINABLE_DOC)
    lr_factor: float = bounded(1.0, doc=FACTOR_DOC, gt=0, le=1e3)

    @property
    def has_parameters(self) -> bool:
        return True

    @property
    def zeros(self) -> int:
        """The padding on each side."""
        return (self.kernel_size - 1) // 2 if self.padding is None else self.padding

    def output_shape(self, shape: Shape) -> Shape:
        _, *sides = needs_picture(shape, self.type)
        return (
            self.channels,
            *(slid(side, self.kernel_size, self.stride, self.zeros, "kernel_size") for side in sides),
        )

    def parameters(self, shape: Shape) -> int:
        return (shape[0] * self.kernel_size**2 + self.bias) * self.channels

    def multiply_adds(self, shape: Shape) -> int:
        channels, height, width = self.output_shape(shape)
        return shape[0] * self.kernel_size**2 * channels * height * width

    def module(self, shape: Shape) -> nn.Module:
        module = convolution(shape[0], self.channels, self.kernel_size, self.stride, self.zeros, self.bias)
        return learning(module, self.init, self.trainable, self.lr_factor)

    def source(self, shape: Shape) -> Source:
        inner = convolution_source(shape[0], self.channels, self.kernel_size, self.stride, self.zeros, self.bias)
        outer = learning_source(inner.code[0], self.init, self.trainable, self.lr_factor)
        return Source(outer.code, inner.names + outer.names)


def convolution(inputs: int, outputs: int, kernel_size: int, stride: int, padding: int, bias: bool) -> nn.Conv2d:
    """PyTorch's, or what is the same."""
    return _kind(kernel_size, stride)(inputs, outputs, kernel_size, stride, padding, bias=bias)


def convolution_source(inputs: int, outputs: int, kernel_size: int, stride: int, padding: int, bias: bool) -> Source:
    """The same as code; what is as in PyTorch's defaults is left out."""
    kind = _kind(kernel_size, stride)
    fields = {"stride": (stride, 1), "padding": (padding, 0), "bias": (bias, True)}
    said = {name: value for name, (value, usual) in fields.items() if value != usual}
    name, names = ("Sparse", (kind,)) if kind is Sparse else ("nn.Conv2d", ())
    return Source((call(name, inputs, outputs, kernel_size, **said),), names)


def _kind(kernel_size: int, stride: int) -> type[nn.Conv2d]:
    return Sparse if kernel_size == 1 and stride > 1 else nn.Conv2d


class Sparse(nn.Conv2d):
    """Windows of one pixel, apart from one another: only the pixels that they meet are taken, then multiplied.

    The same numbers as its parent's, whose kernel in oneDNN writes past its memory where there are few channels, seen
    with PyTorch 2.13 on a CPU without AVX-512: wrong gradients, or the end of the process.
    https://github.com/uxlfoundation/oneDNN/issues/6035
    """

    def forward(self, input: Tensor) -> Tensor:
        height, width = self.stride
        above, beside = (int(side) for side in self.padding)
        around = beside, beside, above, above
        padded = F.pad(input, around) if any(around) else input
        return F.conv2d(padded[:, :, ::height, ::width], self.weight, self.bias)


@dataclass(frozen=True)
class _Pool(Parameterless):
    kernel_size: int = bounded(2, doc="side of the window", ge=1, le=1000)
    stride: int | None = bounded(None, doc="how far the window moves; null: its own side", ge=1, le=1000)

    def output_shape(self, shape: Shape) -> Shape:
        channels, *sides = needs_picture(shape, "pooling")
        stride = self.stride or self.kernel_size
        return (channels, *(slid(side, self.kernel_size, stride, 0, "kernel_size") for side in sides))

    def source(self, shape: Shape) -> Source:
        moved = {} if self.stride in (None, self.kernel_size) else {"stride": self.stride}
        return Source((call(f"nn.{type(self).__name__}", self.kernel_size, **moved),))


@dataclass(frozen=True)
class MaxPool2d(_Pool):
    """The largest number of each window: a picture of half the size keeps what was found, not quite where."""

    type: ClassVar[str] = "max_pool2d"
    formula: ClassVar[str] = "y[c, i, j] = max x[c, i·s + u, j·s + v]"
    derivative: ClassVar[str | None] = "1 where the maximum stands, 0 elsewhere"
    advantages: ClassVar[tuple[str, ...]] = (
        "smaller pictures: fewer products, and the layers behind it see further",
        "a pattern that is shifted by a pixel is found all the same",
    )
    drawbacks: ClassVar[tuple[str, ...]] = ("where in its window a pattern stood is lost",)

    def module(self, shape: Shape) -> nn.Module:
        return nn.MaxPool2d(self.kernel_size, self.stride)


@dataclass(frozen=True)
class AvgPool2d(_Pool):
    """The mean of each window."""

    type: ClassVar[str] = "avg_pool2d"
    formula: ClassVar[str] = "y[c, i, j] = mean x[c, i·s + u, j·s + v]"
    derivative: ClassVar[str | None] = "1 / kernel_size² everywhere in the window"
    advantages: ClassVar[tuple[str, ...]] = (
        "smaller pictures: fewer products, and the layers behind it see further",
        "every pixel of a window has its share of the gradient",
    )
    drawbacks: ClassVar[tuple[str, ...]] = ("blurs: what stands out in one pixel is diluted",)

    def module(self, shape: Shape) -> nn.Module:
        return nn.AvgPool2d(self.kernel_size, self.stride)


ENTRIES = (Conv2d, MaxPool2d, AvgPool2d)
