"""Layers against overfitting."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod

from torch import nn

from app.learning.fields import bounded
from app.learning.layers.entry import FLOAT, Layer, Shape
from app.learning.operators import OperatorGraph
from app.learning.source import Source, call


@dataclass(frozen=True)
class Dropout(Layer):
    """Dropout: in training, sets each number to 0 with probability p and scales up the rest; no effect in evaluation.

    Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html.
    """

    type = "dropout"
    formula = "y = x·m / (1 − p),  m = 0 with probability p, else 1;  in evaluation y = x"
    derivative = "m / (1 − p)"
    advantages = ("units cannot rely on one another: less overfitting",)
    drawbacks = ("slower learning", "wrong predictions if eval mode is forgotten")
    role = "regularisation"
    draws = True
    saved = None

    p: float = bounded(0.5, doc="probability that a number is set to 0", ge=0, lt=1)

    @property
    def affine(self) -> bool:
        return True

    @property
    def drop_probability(self) -> float:
        return self.p

    def module(self, shape: Shape) -> nn.Module:
        return nn.Dropout(self.p)

    def source(self, shape: Shape) -> Source:
        return Source((call("nn.Dropout", self.p),))

    def operators(self, graph: OperatorGraph, x: str, shape: Shape, module: nn.Module) -> str:
        return x

    @contextmanager
    def undisturbed(self, module: nn.Module) -> Iterator[None]:
        mode = module.training
        module.eval()
        try:
            yield
        finally:
            module.train(mode)

    def aliases_input(self, *, training: bool) -> bool:
        return not training or self.p == 0

    def saved_per_example(self, shape: Shape) -> int:
        """The mask, scaled by 1 / (1 − p)."""
        return FLOAT * prod(shape)


ENTRIES = (Dropout,)
