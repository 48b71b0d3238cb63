"""Base class of the layers' registry entries: the traits of a layer, with defaults that fit most layers."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import ClassVar, Literal, NamedTuple

from torch import Tensor, nn

from app.learning.layers.initialisation import Init
from app.learning.operators import OperatorGraph
from app.learning.source import Source

Shape = tuple[int, ...]
Role = Literal["linear map", "activation", "normalisation", "regularisation", "pooling", "reshaping", "structure"]
Body = Literal["convolution", "pooling", "fully connected", "residual", "softmax"]
Probabilities = Literal["independent", "exclusive"]
Nesting = Literal["sequence", "shortcut"]
Saved = Literal["input", "input if trainable", "output"] | None
Layout = Literal["channels last", "contiguous"] | None
FLOAT, INDEX = 4, 8  # bytes of a float32 and of an int64


class Window(NamedTuple):
    """A square window that slides over a picture: its side and its stride, in pixels."""

    size: int
    stride: int


@dataclass(frozen=True)
class DepthLimit:
    """Depth limit of an activation: with `count` successive ones, the first layers hardly learn.

    `detail` makes the warning's sentence from the actual number. With `default_init` the limit applies only to
    PyTorch's initial weights.
    """

    count: int
    code: str
    detail: Callable[[int], str]
    fix: str
    default_init: bool = False


class Layer(ABC):
    """A registry entry: a frozen dataclass whose fields are those of a request.

    Code outside this package asks an entry for its traits, never for its type: a new layer is one class and one test.
    Shapes exclude the batch and have the channels first. Methods raise InvalidChoice for a shape that does not fit,
    with a pointer relative to the layer's place in the request.
    """

    # Documentation
    type: ClassVar[str]
    formula: ClassVar[str]
    derivative: ClassVar[str | None] = None
    range: ClassVar[str | None] = None  # of the outputs; None: any number, or the inputs' range
    advantages: ClassVar[tuple[str, ...]]
    drawbacks: ClassVar[tuple[str, ...]]
    caution: ClassVar[str | None] = None  # a warning for every network with this layer

    # Function
    role: ClassVar[Role]
    elementwise: ClassVar[bool] = False  # applies f to each number separately; `derivative_at` is f′
    takes_rows: ClassVar[bool] = False  # Y = XW + b of rows: pictures are flattened first
    probabilities: ClassVar[Probabilities | None] = None  # of the outputs: each separate, or summing to 1
    degree: ClassVar[int] = 1  # |f(x)| grows as |x| to this power
    positive_only: ClassVar[bool] = False  # undefined for inputs of 0 and below
    composes: ClassVar[bool] = False  # two in a row equal one with a larger window
    nesting: ClassVar[Nesting | None] = None  # how the layers of `rounds` are connected

    # Training
    draws: ClassVar[bool] = False  # draws random numbers in each training step
    uses_batch_statistics: ClassVar[bool] = False  # undefined for a batch of one example
    restores_scale: ClassVar[bool] = False  # outputs and gradients regain their size, whatever came before
    can_die: ClassVar[bool] = False  # a unit whose output is 0 for all examples stops learning
    shrinks_gradients: ClassVar[bool] = False  # f′ is near 0 over much of the inputs' range
    fitting_init: ClassVar[Literal["he", "xavier"] | None] = None  # suits the linear map before it
    depth_limit: ClassVar[DepthLimit | None] = None

    # Memory
    saved: ClassVar[Saved] = "input"  # what autograd saves for the derivative
    layout: ClassVar[Layout] = None  # memory layout of the outputs; None: that of the inputs

    # Diagram
    label: ClassVar[str] = ""  # the name; empty: the type in words
    body: ClassVar[Body | None] = None  # the kind of the body; None: drawn with the layer before it

    @abstractmethod
    def module(self, shape: Shape) -> nn.Module:
        """PyTorch module for inputs of `shape`."""

    @abstractmethod
    def source(self, shape: Shape) -> Source:
        """Code of the module: expressions to apply in turn. They draw the same random numbers in the same order."""

    @abstractmethod
    def operators(self, graph: OperatorGraph, x: str, shape: Shape, module: nn.Module) -> str:
        """Append the evaluation of `module` for the value `x` to the graph; returns the name of the output."""

    def output_shape(self, shape: Shape) -> Shape:
        """Shape of the output for an input of `shape`. Raises InvalidChoice."""
        return shape

    # Parameters

    @property
    def has_parameters(self) -> bool:
        return False

    @property
    def learns(self) -> bool:
        """True if the layer has parameters and training may change them."""
        return self.has_parameters

    @property
    def learning_rate_factor(self) -> float:
        """The layer's learning rate as a multiple of the optimizer's."""
        return 1.0

    @property
    def initialisation(self) -> Init:
        """Distribution of the initial weights."""
        return "default"

    @property
    def width(self) -> int:
        """Number of units or output channels; 0 if the input determines it."""
        return 0

    def fan_in(self, shape: Shape) -> int:
        """Number of inputs in each output's weighted sum; 0 if the outputs are not weighted sums."""
        return 0

    def parameters(self, shape: Shape) -> int:
        """Number of parameters."""
        return 0

    def multiply_adds(self, shape: Shape) -> int:
        """Number of multiply-adds for one example, without elementwise work."""
        return 0

    # Function

    @property
    def stackable(self) -> bool:
        """True if one batched program can evaluate this layer of several networks (`app.learning.ensemble`)."""
        return self.elementwise

    @property
    def affine(self) -> bool:
        """True if in evaluation the outputs are a linear map of the inputs plus a constant."""
        return False

    def derivative_at(self, z: Tensor) -> Tensor:
        """f′(z) of an elementwise layer, in the shape of z."""
        raise NotImplementedError(f"{self.type} is not elementwise")

    @property
    def unsaturated_range(self) -> tuple[float, float] | None:
        """Range of outputs with a slope of at least 1/12 of the steepest; None if the layer does not saturate."""
        return None

    @property
    def drop_probability(self) -> float:
        """Probability with which training replaces a number by 0."""
        return 0.0

    @property
    def window(self) -> Window | None:
        """The window that slides over a picture."""
        return None

    @property
    def rounds(self) -> "tuple[tuple[Layer, ...], ...]":
        """Nested layers: one tuple for each pass through them, in order."""
        return ()

    def inner_modules(self, module: nn.Module) -> Iterator[nn.Module]:
        """Modules of the layers of all `rounds`, within this layer's module."""
        return iter(())

    @contextmanager
    def undisturbed(self, module: nn.Module) -> Iterator[None]:
        """Context in which a forward pass in training mode draws no random numbers and updates no statistics."""
        yield

    # Memory

    def aliases_input(self, *, training: bool) -> bool:
        """True if the output shares the input's memory, as far as the memory layout allows."""
        return False

    def copied_input(self, shape: Shape) -> int:
        """Number of values, for one example, in a copy that replaces the input; 0 without a copy."""
        return 0

    def saved_per_example(self, shape: Shape) -> int:
        """Bytes for each example in addition to input and output. Autograd saves them; a prediction frees them soon."""
        return 0

    def saved_per_batch(self, shape: Shape) -> int:
        """Bytes that autograd saves once for each batch."""
        return 0


@dataclass(frozen=True)
class LayerShape:
    """A layer with the shapes of its input and output.

    `pointer` leads to the layer from its list. An `implied` layer is not part of the request.
    """

    layer: Layer
    pointer: str
    shape: Shape
    output_shape: Shape
    implied: bool = False
