"""What every layer offers, and what those that learn have in common."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar, Literal, Protocol

from torch import nn

from app.learning.errors import InvalidChoice
from app.learning.fields import bounded
from app.learning.source import Code, Source, call

Shape = tuple[int, ...]
Keeps = Literal["input", "output"] | None  # that from which its derivative is computed


class Layer(Protocol):
    """An entry: a frozen dataclass whose fields are the request's. Shapes are without the batch, channels first.

    An entry that does not fit a shape raises InvalidChoice, with a pointer below its own place in the request.
    """

    type: ClassVar[str]
    formula: ClassVar[str]
    derivative: ClassVar[str | None]
    range: ClassVar[str | None]  # of what comes out; None where that is any number, or as what goes in
    advantages: ClassVar[tuple[str, ...]]
    drawbacks: ClassVar[tuple[str, ...]]
    caution: ClassVar[str | None]  # what is said to everybody who chooses it
    keeps: ClassVar[Keeps]  # what autograd keeps of it for the way back

    @property
    def has_parameters(self) -> bool:
        """Whether it learns anything."""
        ...

    def output_shape(self, shape: Shape) -> Shape:
        """The shape that comes out when `shape` goes in. Raises InvalidChoice."""
        ...

    def parameters(self, shape: Shape) -> int:
        """How many numbers it learns."""
        ...

    def multiply_adds(self, shape: Shape) -> int:
        """How many products it adds up for one example; what is done to each number by itself does not count."""
        ...

    def module(self, shape: Shape) -> nn.Module:
        """The PyTorch module for inputs of `shape`."""
        ...

    def source(self, shape: Shape) -> Source:
        """The same as code: modules one after another, which draw the same numbers in the same order."""
        ...


@dataclass(frozen=True)
class Normal:
    """Weights from a normal distribution around 0."""

    name: Literal["normal"] = "normal"
    std: float = bounded(0.01, doc="the spread of the weights", gt=0, le=1e3)


Init = Literal["default", "xavier", "he", "zeros"] | Normal
INIT_DOC = (
    "default: PyTorch's; xavier: Glorot & Bengio 2010, for tanh and sigmoid; he: He et al. 2015, for ReLU; "
    'zeros: every unit alike, which never learns apart; or {"name": "normal", "std": 0.02}'
)
TRAINABLE_DOC = "false: the layer keeps its initial parameters"
FACTOR_DOC = "the layer's learning rate is so many times the optimizer's"


Draw = Callable[..., Any]
DRAWS: dict[str, tuple[Draw, dict[str, Any]]] = {
    "xavier": (nn.init.xavier_uniform_, {}),
    "he": (nn.init.kaiming_normal_, {"nonlinearity": "relu"}),
    "zeros": (nn.init.zeros_, {}),
}


def _draw(init: Init) -> tuple[Draw, dict[str, Any]] | None:
    """How the weights are drawn anew; None: PyTorch's default has drawn them already."""
    if isinstance(init, Normal):
        return nn.init.normal_, {"std": init.std}
    return DRAWS.get(init)


# These three stand in a run's script as they stand here.
def initialised(layer: nn.Module, draw: Callable[..., Any], **how: Any) -> nn.Module:
    """The layer with other weights to begin with; biases begin at 0."""
    draw(layer.weight, **how)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


def frozen(layer: nn.Module) -> nn.Module:
    """The layer, which keeps its initial parameters."""
    return layer.requires_grad_(False)


def paced(layer: nn.Module, factor: float) -> nn.Module:
    """The layer, whose learning rate is so many times the optimizer's."""
    layer.lr_factor = factor  # type: ignore[assignment]
    return layer


def learning(module: nn.Module, init: Init, trainable: bool, lr_factor: float) -> nn.Module:
    """The module, initialised, and marked for the optimizer (`architecture.parameter_groups`)."""
    if (draw := _draw(init)) is not None:
        initialised(module, draw[0], **draw[1])
    return paced(module if trainable else frozen(module), lr_factor)


def learning_source(module: str, init: Init, trainable: bool, lr_factor: float) -> Source:
    """The same for the module's code."""
    names: list[Callable[..., Any]] = []
    if (draw := _draw(init)) is not None:
        module = call("initialised", Code(module), Code(f"nn.init.{draw[0].__name__}"), **draw[1])
        names.append(initialised)
    if not trainable:
        module = call("frozen", Code(module))
        names.append(frozen)
    elif lr_factor != 1:
        module = call("paced", Code(module), lr_factor)
        names.append(paced)
    return Source((module,), tuple(names))


@dataclass(frozen=True)
class Parameterless:
    """What learns nothing and costs no products; by default it keeps the shape."""

    derivative: ClassVar[str | None] = None
    range: ClassVar[str | None] = None
    caution: ClassVar[str | None] = None
    keeps: ClassVar[Keeps] = "input"

    @property
    def has_parameters(self) -> bool:
        return False

    def output_shape(self, shape: Shape) -> Shape:
        return shape

    def parameters(self, shape: Shape) -> int:
        return 0

    def multiply_adds(self, shape: Shape) -> int:
        return 0


def needs_picture(shape: Shape, what: str) -> tuple[int, int, int]:
    """Channels, height and width. Raises InvalidChoice for what is flat."""
    if len(shape) != 3:
        raise InvalidChoice("needs_pictures", layer=what, shape=shape)
    return shape[0], shape[1], shape[2]
