"""What every layer offers, and what those that learn have in common."""

from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, TypeVar

from torch import nn

from app.learning.errors import InvalidChoice
from app.learning.fields import bounded

Shape = tuple[int, ...]
Module = TypeVar("Module", bound=nn.Module)


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


def initialise(module: nn.Linear | nn.Conv2d, init: Init) -> None:
    """Draw the weights anew; biases begin at 0 but for PyTorch's default, which has drawn both already."""
    if init == "default":
        return
    match init:
        case "xavier":
            nn.init.xavier_uniform_(module.weight)
        case "he":
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
        case "zeros":
            nn.init.zeros_(module.weight)
        case Normal(std=std):
            nn.init.normal_(module.weight, std=std)
    if module.bias is not None:
        nn.init.zeros_(module.bias)


def learning(module: Module, trainable: bool, lr_factor: float) -> Module:
    """The module, marked for the optimizer."""
    module.requires_grad_(trainable)
    module.lr_factor = lr_factor  # type: ignore[assignment]  # read by `architecture.parameter_groups`
    return module


@dataclass(frozen=True)
class Parameterless:
    """What learns nothing and costs no products; by default it keeps the shape."""

    derivative: ClassVar[str | None] = None
    range: ClassVar[str | None] = None
    advantages: ClassVar[tuple[str, ...]] = ()
    drawbacks: ClassVar[tuple[str, ...]] = ()
    caution: ClassVar[str | None] = None

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
        raise InvalidChoice("", f"{what} takes pictures (channels, height, width), but {list(shape)} comes in")
    return shape[0], shape[1], shape[2]
