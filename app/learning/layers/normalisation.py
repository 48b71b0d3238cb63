"""Normalisation layers, which centre and scale their inputs."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod

from torch import nn

from app.learning.fields import bounded
from app.learning.layers.entry import FLOAT, Shape
from app.learning.layers.trainable import Trainable
from app.learning.operators import OperatorGraph
from app.learning.source import Source, call


@dataclass(frozen=True)
class BatchNorm(Trainable):
    """Batch normalisation of each channel or column: by batch statistics in training, by running ones in evaluation.

    Ioffe & Szegedy 2015, https://arxiv.org/abs/1502.03167.
    """

    type = "batch_norm"
    formula = "y = γ·(x − μ) / √(σ² + ε) + β;  μ, σ² of the batch, in evaluation their running means"
    derivative = (
        "∂L/∂x = γ / √(σ² + ε)·(∂L/∂y − mean ∂L/∂y − x̂·mean(x̂·∂L/∂y)),  x̂ = (x − μ) / √(σ² + ε), means over the batch; "
        "in evaluation γ / √(σ² + ε)·∂L/∂y"
    )
    advantages = (
        "allows larger learning rates",
        "keeps the scale of activations in deep networks",
    )
    drawbacks = (
        "needs batches of at least two examples",
        "in training, an example's output depends on the rest of its batch",
    )
    role = "normalisation"
    uses_batch_statistics = True
    restores_scale = True

    eps: float = bounded(1e-5, doc="ε: prevents division by zero", gt=0, le=1)
    momentum: float = bounded(0.1, doc="weight of each batch in the running means", gt=0, le=1)

    @property
    def affine(self) -> bool:
        return True

    def parameters(self, shape: Shape) -> int:
        return 2 * shape[0]

    def bare_module(self, shape: Shape) -> nn.Module:
        return _batch_norm(shape)(shape[0], self.eps, self.momentum)

    def bare_source(self, shape: Shape) -> Source:
        fields = {"eps": (self.eps, 1e-5), "momentum": (self.momentum, 0.1)}
        changed = {name: value for name, (value, default) in fields.items() if value != default}
        return Source((call(f"nn.{_batch_norm(shape).__name__}", shape[0], **changed),))

    def operators(self, graph: OperatorGraph, x: str, shape: Shape, module: nn.Module) -> str:
        assert isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)
        running = module.running_mean, module.running_var
        return graph.apply("BatchNormalization", x, module.weight, module.bias, *running, epsilon=self.eps)

    @contextmanager
    def undisturbed(self, module: nn.Module) -> Iterator[None]:
        module.track_running_stats = False  # type: ignore[assignment]
        try:
            yield
        finally:
            module.track_running_stats = True  # type: ignore[assignment]

    def saved_per_batch(self, shape: Shape) -> int:
        """Mean and standard deviation of each channel."""
        return 2 * FLOAT * shape[0]


def _batch_norm(shape: Shape) -> type[nn.BatchNorm1d | nn.BatchNorm2d]:
    return nn.BatchNorm2d if len(shape) == 3 else nn.BatchNorm1d


@dataclass(frozen=True)
class LayerNorm(Trainable):
    """Layer normalisation of each example over all its channels and pixels, the same in training and evaluation.

    Ba, Kiros & Hinton 2016, https://arxiv.org/abs/1607.06450.
    """

    type = "layer_norm"
    formula = "y = γ·(x − μ) / √(σ² + ε) + β;  μ, σ² of the example, γ, β for each number"
    derivative = (
        "∂L/∂x = (g − mean g − x̂·mean(x̂·g)) / √(σ² + ε),  g = γ·∂L/∂y,  x̂ = (x − μ) / √(σ² + ε), means over the example"
    )
    advantages = (
        "independent of the batch: an example's output depends on that example alone, in training too",
        "keeps the scale of activations in deep networks",
    )
    drawbacks = (
        "two parameters for each number: many for pictures, where batch norm has two for each channel",
        "loses the overall scale of each example",
    )
    role = "normalisation"
    restores_scale = True
    layout = "contiguous"

    eps: float = bounded(1e-5, doc="ε: prevents division by zero", gt=0, le=1)

    def parameters(self, shape: Shape) -> int:
        return 2 * prod(shape)

    def bare_module(self, shape: Shape) -> nn.Module:
        return nn.LayerNorm(shape, self.eps)

    def bare_source(self, shape: Shape) -> Source:
        changed = {} if self.eps == 1e-5 else {"eps": self.eps}
        return Source((call("nn.LayerNorm", shape[0] if len(shape) == 1 else shape, **changed),))

    def operators(self, graph: OperatorGraph, x: str, shape: Shape, module: nn.Module) -> str:
        assert isinstance(module, nn.LayerNorm)
        return graph.apply("LayerNormalization", x, module.weight, module.bias, axis=1, epsilon=self.eps)

    def saved_per_example(self, shape: Shape) -> int:
        """Mean and standard deviation of the example."""
        return 2 * FLOAT


ENTRIES = (BatchNorm, LayerNorm)
