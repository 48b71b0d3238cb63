"""The cost line learns from noisy batches, and never promises less than nothing."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.serving.cost import CostLine


@given(st.floats(0, 0.1), st.floats(0, 0.01), st.lists(st.integers(1, 256), min_size=2, max_size=40))
def test_it_finds_the_line_that_the_batches_follow(constant: float, slope: float, sizes: list[int]) -> None:
    line = CostLine()
    for size in sizes:
        line.add(size, constant + slope * size)
    for size in set(sizes) if len(set(sizes[-20:])) > 1 else {sizes[-1]}:
        assert line.predict(size) == pytest.approx(constant + slope * size, rel=0.05, abs=1e-4)
    assert line.predict(0) == 0


@given(st.lists(st.tuples(st.integers(1, 256), st.floats(0, 10)), max_size=40), st.integers(1, 256))
def test_a_prediction_is_finite_and_not_negative(batches: list[tuple[int, float]], size: int) -> None:
    line = CostLine()
    for count, seconds in batches:
        line.add(count, seconds)
    assert 0 <= line.predict(size) < np.inf
    assert line.predict(size) <= line.predict(2 * size)


def test_it_forgets_a_slow_beginning() -> None:
    line = CostLine()
    line.add(1, 5.0)  # the first batch loads code
    for _ in range(100):
        line.add(8, 0.1)
        line.add(1, 0.03)
    assert line.predict(1) == pytest.approx(0.03, abs=0.01) and line.predict(8) == pytest.approx(0.1, abs=0.01)
