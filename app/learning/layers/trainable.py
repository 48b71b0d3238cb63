"""Base classes of the layers with parameters."""

from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import nn

from app.learning.fields import bounded
from app.learning.layers.entry import Layer, Shape
from app.learning.layers.initialisation import INIT_DOC, Init, draw_of
from app.learning.source import Code, Source, call


# A run's script contains these three functions verbatim.
def initialised(layer: nn.Module, draw: Callable[..., Any], **how: Any) -> nn.Module:
    """The layer with new initial weights; biases start at 0."""
    draw(layer.weight, **how)
    if layer.bias is not None:
        nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
    return layer


def frozen(layer: nn.Module) -> nn.Module:
    """The layer with parameters that training does not change."""
    return layer.requires_grad_(False)


def paced(layer: nn.Module, factor: float) -> nn.Module:
    """The layer with `factor` times the optimizer's learning rate."""
    layer.lr_factor = factor  # type: ignore[assignment]
    return layer


@dataclass(frozen=True, kw_only=True)
class Trainable(Layer):
    """A layer with parameters. Entries build the bare module; this class applies the fields that they share."""

    trainable: bool = bounded(True, doc="false: the layer keeps its initial parameters")
    lr_factor: float = bounded(1.0, doc="the layer's learning rate as a multiple of the optimizer's", gt=0, le=1e3)

    @abstractmethod
    def bare_module(self, shape: Shape) -> nn.Module:
        """PyTorch module for inputs of `shape`, with PyTorch's initial parameters."""

    @abstractmethod
    def bare_source(self, shape: Shape) -> Source:
        """Code of the bare module: one expression."""

    @property
    def has_parameters(self) -> bool:
        return True

    @property
    def learns(self) -> bool:
        return self.trainable

    @property
    def learning_rate_factor(self) -> float:
        return self.lr_factor

    def module(self, shape: Shape) -> nn.Module:
        """The bare module, initialised and marked for the optimizer (`architecture.parameter_groups`)."""
        module = self.bare_module(shape)
        if (draw := draw_of(self.initialisation)) is not None:
            initialised(module, draw[0], **draw[1])
        return paced(module if self.trainable else frozen(module), self.lr_factor)

    def source(self, shape: Shape) -> Source:
        bare = self.bare_source(shape)
        (module,), names = bare.code, list(bare.names)
        if (draw := draw_of(self.initialisation)) is not None:
            module = call("initialised", Code(module), Code(f"nn.init.{draw[0].__name__}"), **draw[1])
            names.append(initialised)
        if not self.trainable:
            module = call("frozen", Code(module))
            names.append(frozen)
        elif self.lr_factor != 1:
            module = call("paced", Code(module), self.lr_factor)
            names.append(paced)
        return Source((module,), tuple(names))


@dataclass(frozen=True, kw_only=True)
class LinearMap(Layer):
    """A layer that computes weighted sums of its inputs plus a bias."""

    role = "linear map"

    init: Init = bounded("default", doc=INIT_DOC)

    @property
    def initialisation(self) -> Init:
        return self.init

    @property
    def affine(self) -> bool:
        return True
