"""Layers made of layers, and the one that only changes the shape."""

from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from math import prod
from typing import ClassVar

from torch import Tensor, nn

from app.learning.errors import InvalidChoice
from app.learning.fields import bounded
from app.learning.layers.convolution import convolution, convolution_source
from app.learning.layers.entry import Keeps, Layer, Parameterless, Shape
from app.learning.source import Code, Source, call


@dataclass(frozen=True)
class Flatten(Parameterless):
    """A picture as one row of numbers. It is put before a linear layer by itself where a picture comes in."""

    type: ClassVar[str] = "flatten"
    keeps: ClassVar[Keeps] = None
    formula: ClassVar[str] = "(channels, height, width) → (channels·height·width)"
    advantages: ClassVar[tuple[str, ...]] = (
        "nothing is lost or learnt: the same numbers, as a linear layer takes them",
    )
    drawbacks: ClassVar[tuple[str, ...]] = (
        "the layers behind it no longer know which pixels are neighbours",
        "the linear layer behind it has a weight for each number and unit: three quarters of all that VGG-16 learns",
    )

    def output_shape(self, shape: Shape) -> Shape:
        return (prod(shape),)

    def module(self, shape: Shape) -> nn.Module:
        return nn.Flatten()

    def source(self, shape: Shape) -> Source:
        return Source(("nn.Flatten()",))


@dataclass(frozen=True)
class _Nest:
    """Layers one after another as one layer."""

    derivative: ClassVar[str | None] = None
    range: ClassVar[str | None] = None
    caution: ClassVar[str | None] = None
    keeps: ClassVar[Keeps] = None  # what is in it does

    layers: tuple[Layer, ...] = bounded(doc="what is in it")

    @property
    def has_parameters(self) -> bool:
        return any(layer.has_parameters for layer in self.layers)


@dataclass(frozen=True)
class Block(_Nest):
    """The same layers several times over, each time with parameters of their own."""

    type: ClassVar[str] = "block"
    formula: ClassVar[str] = "y = f(f(…f(x)))"
    advantages: ClassVar[tuple[str, ...]] = ("a deep network in a few lines, whose depth is one number",)
    drawbacks: ClassVar[tuple[str, ...]] = (
        "every round has the same fields: a network that grows in channels wants a block for each width",
        "depth without a shortcut: the gradient has to go through every round",
    )

    repeat: int = bounded(1, doc="how many times", ge=1, le=100)

    def output_shape(self, shape: Shape) -> Shape:
        for _ in range(self.repeat):
            shape = through(self.layers, shape)
        return shape

    def parameters(self, shape: Shape) -> int:
        return sum(count.parameters for count in self._counted(shape))

    def multiply_adds(self, shape: Shape) -> int:
        return sum(count.multiply_adds for count in self._counted(shape))

    def _counted(self, shape: Shape) -> "list[Counted]":
        found = []
        for _ in range(self.repeat):
            found.append(counted(self.layers, shape))
            shape = through(self.layers, shape)
        return found

    def module(self, shape: Shape) -> nn.Module:
        modules: list[nn.Module] = []
        for _ in range(self.repeat):
            modules += chain(self.layers, shape)
            shape = through(self.layers, shape)
        return nn.Sequential(*modules)

    def source(self, shape: Shape) -> Source:
        rounds = []
        for _ in range(self.repeat):
            rounds.append(chain_source(self.layers, shape))
            shape = through(self.layers, shape)
        code: list[str] = []
        for (modules, _), alike in groupby((found.code, found.names) for found in rounds):
            times = len(list(alike))
            code += modules if times == 1 else [f"*[{in_one(modules)} for _ in range({times})]"]
        return Source(tuple(code), tuple(name for found in rounds for name in found.names))


@dataclass(frozen=True)
class Residual(_Nest):
    """Layers with a shortcut around them: they learn what to add to their input.

    He et al. 2016, https://arxiv.org/abs/1512.03385. Where the shape changes the shortcut is a projection without
    bias: a 1×1 convolution for pictures, a linear layer for rows.
    """

    type: ClassVar[str] = "residual"
    formula: ClassVar[str] = "y = f(x) + x"
    derivative: ClassVar[str | None] = "f′(x) + 1: the gradient has a way past the layers"
    advantages: ClassVar[tuple[str, ...]] = ("gradients reach the first layers of deep networks",)
    drawbacks: ClassVar[tuple[str, ...]] = (
        "each adds to its input: with no batch norm within, numbers grow with the depth",
        "its input stays in memory until it is added; where the shape changes, the projection learns and costs as well",
    )

    def output_shape(self, shape: Shape) -> Shape:
        out = through(self.layers, shape)
        if len(out) != len(shape):
            raise InvalidChoice("residual_shape_changed", "/layers", shape=shape, out=out)
        if len(shape) == 3:
            stride = _stride(shape, out)
            if any(-(-side // stride) != end for side, end in zip(shape[1:], out[1:], strict=True)):
                raise InvalidChoice("residual_stride_uneven", "/layers", shape=shape, out=out)
        return out

    def parameters(self, shape: Shape) -> int:
        return counted(self.layers, shape).parameters + self._projection(shape)

    def multiply_adds(self, shape: Shape) -> int:
        out = self.output_shape(shape)
        return counted(self.layers, shape).multiply_adds + self._projection(shape) * prod(out[1:])

    def _projection(self, shape: Shape) -> int:
        out = self.output_shape(shape)
        return 0 if out == shape else shape[0] * out[0]

    def module(self, shape: Shape) -> nn.Module:
        out = self.output_shape(shape)
        shortcut: nn.Module = nn.Identity()
        if out != shape and len(shape) == 3:
            shortcut = convolution(shape[0], out[0], 1, _stride(shape, out), 0, bias=False)
        elif out != shape:
            shortcut = nn.Linear(shape[0], out[0], bias=False)
        return Sum(nn.Sequential(*chain(self.layers, shape)), shortcut)

    def source(self, shape: Shape) -> Source:
        out, layers = self.output_shape(shape), chain_source(self.layers, shape)
        shortcut = Source(("nn.Identity()",))
        if out != shape and len(shape) == 3:
            shortcut = convolution_source(shape[0], out[0], 1, _stride(shape, out), 0, bias=False)
        elif out != shape:
            shortcut = Source((call("nn.Linear", shape[0], out[0], bias=False),))
        # The shortcut first: its weights are drawn before the layers'.
        code = call("Sum", shortcut=Code(shortcut.code[0]), layers=Code(call("nn.Sequential", *map(Code, layers.code))))
        return Source((code,), (*shortcut.names, *layers.names, Sum))


class Sum(nn.Module):
    """f(x) + shortcut(x)."""

    def __init__(self, layers: nn.Sequential, shortcut: nn.Module) -> None:
        super().__init__()
        self.layers, self.shortcut = layers, shortcut

    def forward(self, x: Tensor) -> Tensor:
        found: Tensor = self.layers(x) + self.shortcut(x)
        return found


def _stride(shape: Shape, out: Shape) -> int:
    return max(1, round(shape[1] / out[1]))


@dataclass(frozen=True)
class Placed:
    """A layer at its place. `pointer` leads to it from the list it stands in; `implied`: nobody wrote it."""

    layer: Layer
    pointer: str
    shape: Shape
    output_shape: Shape
    implied: bool = False


@lru_cache(1000)  # layers within layers would be asked for their shapes again and again
def placed(layers: tuple[Layer, ...], shape: Shape) -> tuple[Placed, ...]:
    """Each layer with the shapes around it, and a flatten where a picture comes to a linear layer.

    Raises InvalidChoice, with a pointer that begins behind the list: `/3/kernel_size`.
    """
    found = []
    for index, layer in enumerate(layers):
        if layer.type == "linear" and len(shape) > 1:
            flat = Flatten()
            found.append(Placed(flat, f"/{index}", shape, flat.output_shape(shape), implied=True))
            shape = found[-1].output_shape
        try:
            out = layer.output_shape(shape)
        except InvalidChoice as error:
            raise error.below(f"/{index}") from error
        found.append(Placed(layer, f"/{index}", shape, out))
        shape = out
    return tuple(found)


def through(layers: tuple[Layer, ...], shape: Shape) -> Shape:
    """The shape that comes out of nested layers."""
    try:
        return placed(layers, shape)[-1].output_shape if layers else shape
    except InvalidChoice as error:
        raise error.below("/layers") from error


@dataclass(frozen=True)
class Counted:
    """How many numbers are learnt, and how many products are added up for one example."""

    parameters: int
    multiply_adds: int


def counted(layers: tuple[Layer, ...], shape: Shape) -> Counted:
    """What layers one after another learn and compute."""
    found = placed(layers, shape)
    return Counted(
        sum(place.layer.parameters(place.shape) for place in found),
        sum(place.layer.multiply_adds(place.shape) for place in found),
    )


def chain(layers: tuple[Layer, ...], shape: Shape) -> list[nn.Module]:
    """The modules of layers one after another."""
    return [place.layer.module(place.shape) for place in placed(layers, shape)]


def chain_source(layers: tuple[Layer, ...], shape: Shape) -> Source:
    """The same as code."""
    found = [place.layer.source(place.shape) for place in placed(layers, shape)]
    return Source(
        tuple(code for source in found for code in source.code),
        tuple(name for source in found for name in source.names),
    )


def in_one(modules: tuple[str, ...]) -> str:
    """Modules one after another as one expression."""
    return modules[0] if len(modules) == 1 else call("nn.Sequential", *map(Code, modules))


ENTRIES = (Flatten, Block, Residual)
