"""Prediction of a network for one input."""

from typing import NamedTuple


class Scores(NamedTuple):
    """A classifier's prediction for one input.

    `order` has the classes by their probability, the most probable first, and `chances` those probabilities. `label` is
    not always the first: see `OutputKind`.
    """

    label: int
    probability: float
    order: list[int]
    chances: list[float]
    outputs: list[float]


Row = Scores | float | None  # a class, or a value in the target's units; None if an output is not finite
