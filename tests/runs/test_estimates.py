"""The time of a training, judged by earlier ones."""

import math

from hypothesis import given
from hypothesis import strategies as st

from app.learning.layers.linear import Linear
from app.runs.estimates import CLOSEST, epoch_time
from app.storage.trainings import PastTraining


def training(units: int = 10, batch_size: int = 100, steps: int = 50, seconds: float = 5.0) -> PastTraining:
    return PastTraining([{"type": "linear", "units": units}], (64,), batch_size, steps, seconds)


def test_the_same_training_takes_as_long_again() -> None:
    estimate = epoch_time([Linear(10)], (64,), 100, 1000, [training()])
    assert estimate is not None and (estimate.least, estimate.most, estimate.trainings) == (1.0, 1.0, 1)


@given(st.integers(1, 1000), st.integers(1, 1000))
def test_a_step_takes_longer_the_more_it_computes_but_at_most_in_proportion(units: int, batch_size: int) -> None:
    examples = 10 * batch_size
    estimate = epoch_time([Linear(units)], (64,), batch_size, examples, [training()])
    assert estimate is not None
    factor = units * batch_size / (10 * 100)
    bounds = sorted((10 * 0.1, 10 * 0.1 * factor))
    assert math.isclose(estimate.least, bounds[0]) and math.isclose(estimate.most, bounds[1])


def test_the_most_similar_trainings_count() -> None:
    alike = [training(seconds=seconds) for seconds in (4.0, 5.0, 5.0, 6.0, 500.0)]
    others = [training(units=1000, seconds=70.0)] * 20
    estimate = epoch_time([Linear(10)], (64,), 100, 1000, [*others, *alike])
    assert estimate is not None and (estimate.least, estimate.most, estimate.trainings) == (1.0, 1.0, CLOSEST)


def test_nothing_is_known_before_a_training_has_succeeded() -> None:
    assert epoch_time([Linear(10)], (64,), 100, 1000, []) is None
