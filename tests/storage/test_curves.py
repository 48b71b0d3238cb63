"""A curve loses nothing: every point comes back, and a thinned one keeps its extremes."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.storage.curves import Series, thin

values = st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=500)


@given(values, st.integers(2, 50))
def test_a_thinned_curve_keeps_its_extremes_and_says_what_each_point_stands_for(
    found: list[float], points: int
) -> None:
    series = Series(np.arange(1, len(found) + 1), np.asarray(found))
    thinned = thin(series, points)
    assert len(thinned.steps) <= max(points, 2)
    assert (np.diff(thinned.steps) > 0).all()
    finite = [value for value in found if not math.isnan(value)]
    if len(finite) == len(found):
        assert thinned.values.min() == min(finite) and thinned.values.max() == max(finite)
    else:
        assert np.isnan(thinned.values).any()  # a NaN is never thinned away
    for step, value in zip(thinned.steps.tolist(), thinned.values.tolist(), strict=True):
        assert value == found[step - 1] or math.isnan(value)


@given(values)
def test_nothing_is_thinned_when_there_are_points_enough(found: list[float]) -> None:
    series = Series(np.arange(1, len(found) + 1), np.asarray(found))
    assert thin(series, len(found)) is series
