"""Initial weights of the layers that have a weight matrix."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from torch import nn

from app.learning.fields import bounded


@dataclass(frozen=True)
class Normal:
    """Weights from a normal distribution with mean 0."""

    name: Literal["normal"] = field(default="normal", metadata={"doc": "says which distribution this is"})
    std: float = bounded(0.01, doc="standard deviation of the weights", gt=0, le=1e3)


Init = Literal["default", "xavier", "he", "zeros"] | Normal
INIT_DOC = (
    "default: PyTorch's; xavier: Glorot & Bengio 2010, for tanh and sigmoid; he: He et al. 2015, for ReLU; "
    'zeros: all units are equal and stay equal; or {"name": "normal", "std": 0.02}'
)

Draw = Callable[..., Any]
DRAWS: dict[str, tuple[Draw, dict[str, Any]]] = {
    "xavier": (nn.init.xavier_uniform_, {}),
    "he": (nn.init.kaiming_normal_, {"nonlinearity": "relu"}),
    "zeros": (nn.init.zeros_, {}),
}


def draw_of(init: Init) -> tuple[Draw, dict[str, Any]] | None:
    """Function of `torch.nn.init` with its arguments; None keeps PyTorch's initial weights."""
    if isinstance(init, Normal):
        return nn.init.normal_, {"std": init.std}
    return DRAWS.get(init)
