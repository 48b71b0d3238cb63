"""Nested layers, flattening, and shape inference for lists of layers."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from math import prod

from torch import Tensor, nn

from app.learning.errors import InvalidChoice
from app.learning.fields import bounded
from app.learning.layers.convolution import convolution, convolution_operators, convolution_source
from app.learning.layers.entry import Layer, LayerShape, Shape
from app.learning.operators import OperatorGraph
from app.learning.source import Code, Source, call


@dataclass(frozen=True)
class Flatten(Layer):
    """A picture as one row of numbers. It is implied before a linear layer that gets a picture."""

    type = "flatten"
    formula = "(channels, height, width) → (channels·height·width)"
    advantages = ("no parameters and no loss: the same numbers in the shape that linear layers need",)
    drawbacks = (
        "later layers no longer know which pixels are neighbours",
        "the linear layer after it has a weight for each number and unit: three quarters of VGG-16's parameters",
    )
    role = "reshaping"
    saved = None

    @property
    def stackable(self) -> bool:
        return True

    @property
    def affine(self) -> bool:
        return True

    def output_shape(self, shape: Shape) -> Shape:
        return (prod(shape),)

    def module(self, shape: Shape) -> nn.Module:
        return nn.Flatten()

    def source(self, shape: Shape) -> Source:
        return Source(("nn.Flatten()",))

    def operators(self, graph: OperatorGraph, x: str, shape: Shape, module: nn.Module) -> str:
        return graph.apply("Flatten", x)

    def aliases_input(self, *, training: bool) -> bool:
        return True


@dataclass(frozen=True)
class _Nest(Layer):
    """A sequence of layers as one layer."""

    role = "structure"

    layers: tuple[Layer, ...] = bounded(doc="the nested layers")

    @property
    def has_parameters(self) -> bool:
        return any(layer.has_parameters for layer in self.layers)

    @property
    def affine(self) -> bool:
        return all(layer.affine for layer in self.layers)


@dataclass(frozen=True)
class Block(_Nest):
    """Layers repeated several times, each time with separate parameters."""

    type = "block"
    formula = "y = f(f(…f(x)))"
    advantages = ("a deep network in a few lines: one number sets its depth",)
    drawbacks = (
        "every repetition has the same fields: a network whose channels grow in number needs a block for each width",
        "depth without a shortcut: gradients pass through every repetition",
    )
    nesting = "sequence"

    repeat: int = bounded(1, doc="number of repetitions", ge=1, le=100)

    @property
    def rounds(self) -> tuple[tuple[Layer, ...], ...]:
        return (self.layers,) * self.repeat

    def inner_modules(self, module: nn.Module) -> Iterator[nn.Module]:
        assert isinstance(module, nn.Sequential)
        return iter(module)

    def output_shape(self, shape: Shape) -> Shape:
        for layers in self.rounds:
            shape = output_shape(layers, shape)
        return shape

    def parameters(self, shape: Shape) -> int:
        return sum(place.layer.parameters(place.shape) for place in self._places(shape))

    def multiply_adds(self, shape: Shape) -> int:
        return sum(place.layer.multiply_adds(place.shape) for place in self._places(shape))

    def _places(self, shape: Shape) -> Iterator[LayerShape]:
        return (place for places in infer_rounds(self, shape) for place in places)

    def module(self, shape: Shape) -> nn.Module:
        return nn.Sequential(*(place.layer.module(place.shape) for place in self._places(shape)))

    def source(self, shape: Shape) -> Source:
        rounds = [joined_source(places) for places in infer_rounds(self, shape)]
        code: list[str] = []
        for (modules, _), alike in groupby((source.code, source.names) for source in rounds):
            times = len(list(alike))
            code += modules if times == 1 else [f"*[{in_one(modules)} for _ in range({times})]"]
        return Source(tuple(code), tuple(name for source in rounds for name in source.names))

    def operators(self, graph: OperatorGraph, x: str, shape: Shape, module: nn.Module) -> str:
        return append_operators(graph, x, self._places(shape), self.inner_modules(module))


@dataclass(frozen=True)
class Residual(_Nest):
    """Layers with a shortcut around them: they learn what to add to their input.

    He et al. 2016, https://arxiv.org/abs/1512.03385. If the shape changes, the shortcut is a projection without bias:
    a 1×1 convolution for pictures, a linear layer for rows.
    """

    type = "residual"
    formula = "y = f(x) + x"
    derivative = "f′(x) + 1: part of the gradient bypasses the layers"
    advantages = ("gradients reach the first layers of deep networks",)
    drawbacks = (
        "each adds to its input: without batch norm inside, activations grow with depth",
        "its input stays in memory until the addition",
        "if the shape changes, the projection adds parameters and work",
    )
    nesting = "shortcut"
    restores_scale = True
    body = "residual"

    @property
    def rounds(self) -> tuple[tuple[Layer, ...], ...]:
        return (self.layers,)

    def inner_modules(self, module: nn.Module) -> Iterator[nn.Module]:
        assert isinstance(module, Sum)
        return iter(module.layers)

    def output_shape(self, shape: Shape) -> Shape:
        out = output_shape(self.layers, shape)
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
        return Sum(nn.Sequential(*build_modules(self.layers, shape)), shortcut)

    def source(self, shape: Shape) -> Source:
        out, layers = self.output_shape(shape), joined_source(infer_shapes(self.layers, shape))
        shortcut = Source(("nn.Identity()",))
        if out != shape and len(shape) == 3:
            shortcut = convolution_source(shape[0], out[0], 1, _stride(shape, out), 0, bias=False)
        elif out != shape:
            shortcut = Source((call("nn.Linear", shape[0], out[0], bias=False),))
        # `module` draws the shortcut's weights before those of the layers, so the shortcut comes first here too.
        code = call("Sum", shortcut=Code(shortcut.code[0]), layers=Code(call("nn.Sequential", *map(Code, layers.code))))
        return Source((code,), (*shortcut.names, *layers.names, Sum))

    def operators(self, graph: OperatorGraph, x: str, shape: Shape, module: nn.Module) -> str:
        assert isinstance(module, Sum)
        shortcut = x
        match module.shortcut:
            case nn.Conv2d() as projection:
                shortcut = convolution_operators(graph, x, projection)
            case nn.Linear() as projection:
                shortcut = graph.apply("Gemm", x, projection.weight, transB=1)
        return graph.apply("Add", append_operators(graph, x, infer_shapes(self.layers, shape), module.layers), shortcut)


class Sum(nn.Module):
    """f(x) + shortcut(x)."""

    def __init__(self, layers: nn.Sequential, shortcut: nn.Module) -> None:
        super().__init__()
        self.layers, self.shortcut = layers, shortcut

    def forward(self, x: Tensor) -> Tensor:
        total: Tensor = self.layers(x) + self.shortcut(x)
        return total


def _stride(shape: Shape, out: Shape) -> int:
    return max(1, round(shape[1] / out[1]))


@lru_cache(1000)  # the shapes of nested layers are requested many times
def infer_shapes(layers: tuple[Layer, ...], shape: Shape) -> tuple[LayerShape, ...]:
    """Infer the input and output shape of each layer. Pictures are flattened before a layer that takes rows.

    Raises InvalidChoice with a pointer relative to the list, such as `/3/kernel_size`.
    """
    places = []
    for index, layer in enumerate(layers):
        if layer.takes_rows and len(shape) > 1:
            flat = Flatten()
            places.append(LayerShape(flat, f"/{index}", shape, flat.output_shape(shape), implied=True))
            shape = places[-1].output_shape
        try:
            out = layer.output_shape(shape)
        except InvalidChoice as error:
            raise error.below(f"/{index}") from error
        places.append(LayerShape(layer, f"/{index}", shape, out))
        shape = out
    return tuple(places)


def infer_rounds(layer: Layer, shape: Shape) -> Iterator[tuple[LayerShape, ...]]:
    """Shapes of the layers nested in `layer`, pass by pass, for an input of `shape`."""
    for layers in layer.rounds:
        places = infer_shapes(layers, shape)
        yield places
        shape = places[-1].output_shape


def output_shape(layers: tuple[Layer, ...], shape: Shape) -> Shape:
    """Output shape of nested layers. Raises InvalidChoice with a pointer relative to the enclosing layer."""
    try:
        return infer_shapes(layers, shape)[-1].output_shape if layers else shape
    except InvalidChoice as error:
        raise error.below("/layers") from error


@dataclass(frozen=True)
class Counted:
    """Number of parameters, and multiply-adds for one example."""

    parameters: int
    multiply_adds: int


def counted(layers: tuple[Layer, ...], shape: Shape) -> Counted:
    """Number of parameters and multiply-adds of a sequence of layers."""
    places = infer_shapes(layers, shape)
    return Counted(
        sum(place.layer.parameters(place.shape) for place in places),
        sum(place.layer.multiply_adds(place.shape) for place in places),
    )


def build_modules(layers: tuple[Layer, ...], shape: Shape) -> list[nn.Module]:
    """Modules of a sequence of layers."""
    return [place.layer.module(place.shape) for place in infer_shapes(layers, shape)]


def append_operators(graph: OperatorGraph, x: str, places: Iterable[LayerShape], modules: Iterable[nn.Module]) -> str:
    """Append the evaluation of a sequence of layers to the graph; returns the name of the output."""
    for place, module in zip(places, modules, strict=True):
        x = place.layer.operators(graph, x, place.shape, module)
    return x


def joined_source(places: tuple[LayerShape, ...]) -> Source:
    """Code of the modules of a sequence of layers."""
    sources = [place.layer.source(place.shape) for place in places]
    return Source(
        tuple(code for source in sources for code in source.code),
        tuple(name for source in sources for name in source.names),
    )


def in_one(modules: tuple[str, ...]) -> str:
    """One expression for a sequence of modules."""
    return modules[0] if len(modules) == 1 else call("nn.Sequential", *map(Code, modules))


ENTRIES = (Flatten, Block, Residual)
