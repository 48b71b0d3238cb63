"""Time that a training should take, judged by those that succeeded last.

A step that computes more takes longer, but at most in proportion, since a part of it is the same for every network. So
an earlier training gives two bounds: the same time, and the time in proportion. The more alike both are, the closer are
the bounds.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from app.learning.layers import Layer, Shape
from app.learning.layers.serialization import layers_from_json
from app.learning.layers.structure import counted
from app.storage.trainings import PastTraining

CLOSEST = 5  # trainings that count


@dataclass(frozen=True)
class Estimate:
    """Seconds at least and at most, judged by so many trainings."""

    least: float
    most: float
    trainings: int


def epoch_time(
    layers: Sequence[Layer], shape: Shape, batch_size: int, examples: int, recent: Sequence[PastTraining]
) -> Estimate | None:
    """The time of an epoch of so many examples; None without a training to judge by."""
    work = batch_size * counted(tuple(layers), shape).multiply_adds
    known = [(_work(each), each.seconds / each.steps) for each in recent]
    factors = [(work / other, seconds) for other, seconds in known if work and other]
    closest = sorted(factors, key=lambda each: abs(math.log(each[0])))[:CLOSEST]
    if not closest:
        return None
    steps = math.ceil(examples / batch_size)
    return Estimate(
        least=steps * median(seconds * min(1.0, factor) for factor, seconds in closest),
        most=steps * median(seconds * max(1.0, factor) for factor, seconds in closest),
        trainings=len(closest),
    )


def _work(training: PastTraining) -> int:
    """Multiply-adds of a step."""
    layers = tuple(layers_from_json(training.layers))
    return training.batch_size * counted(layers, training.shape).multiply_adds
