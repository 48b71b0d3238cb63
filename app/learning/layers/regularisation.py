"""Layers against overfitting."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod

from torch import nn

from app.learning.fields import bounded
from app.learning.layers.entry import FLOAT, Layer, Shape
from app.learning.source import Source, call


@dataclass(frozen=True)
class Dropout(Layer):
    """In training, replaces each number by 0 with probability p and scales up the rest; the identity in evaluation.

    Srivastava et al. 2014, https://jmlr.org/papers/v15/srivastava14a.html.
    """

    type = "dropout"
    formula = "y = x·m / (1 − p),  m = 0 with probability p, else 1;  in evaluation y = x"
    derivative = "m / (1 − p)"
    advantages = ("no unit can rely on another one: less overfitting",)
    drawbacks = ("learns more slowly", "wrong answers where eval mode is forgotten")
    role = "regularisation"
    draws = True
    saved = None

    p: float = bounded(0.5, doc="the share that is left out", ge=0, lt=1)

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
