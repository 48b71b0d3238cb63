"""Thinning keeps the extremes, and thinning in stages is thinning at once."""

import math
from itertools import groupby, pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from app.storage.series import Series, join
from app.storage.thinning import level_for, maximum, thin

levels = st.integers(0, 7)
values = st.floats() | st.sampled_from([math.nan, math.inf, -math.inf, 0.0, -0.0, 1.0])


@st.composite
def series(draw: st.DrawFn) -> Series:
    """A series of some steps, of which others are missing."""
    steps = draw(st.lists(st.integers(1, 300), min_size=1, max_size=100, unique=True).map(sorted))
    found = draw(st.lists(values, min_size=len(steps), max_size=len(steps)))
    return Series(np.array(steps), np.array(found))


def cut(series: Series, places: list[int]) -> list[Series]:
    """The series in pieces, cut before these steps."""
    edges = [0, *sorted(places), 1000]
    return [series.between(first, end - 1) for first, end in pairwise(edges)]


def as_bytes(series: Series) -> list[bytes]:
    """All of a series: NaN equals itself, and 0.0 differs from -0.0."""
    assert series.stands_for is not None
    return [series.steps.tobytes(), series.values.tobytes(), series.stands_for.tobytes()]


@given(series(), levels)
def test_each_bucket_keeps_its_first_minimum_and_its_first_maximum(series: Series, level: int) -> None:
    def key(point: tuple[int, float]) -> float:
        return math.inf if math.isnan(point[1]) else point[1]

    kept = []
    points = zip(series.steps.tolist(), series.values.tolist(), strict=True)
    for _, bucket in groupby(points, lambda point: point[0] >> level):
        of_bucket = list(bucket)
        kept += sorted({min(of_bucket, key=key)[0], max(of_bucket, key=key)[0]})
    thinned = thin(series, level)
    assert thinned.steps.tolist() == kept
    places = np.searchsorted(series.steps, kept)
    assert thinned.values.tobytes() == series.values[places].tobytes()


@given(series(), levels)
def test_what_the_points_of_a_bucket_stand_for_is_all_of_it(series: Series, level: int) -> None:
    thinned = thin(series, level)
    assert thinned.stands_for is not None
    assert (thinned.stands_for >= 1).all()
    for bucket in set((series.steps >> level).tolist()):
        assert thinned.stands_for[thinned.steps >> level == bucket].sum() == (series.steps >> level == bucket).sum()


@given(series(), levels, levels, st.lists(st.integers(0, 300), max_size=5))
def test_what_has_been_thinned_in_pieces_can_be_thinned_further(
    series: Series, finer: int, coarser: int, places: list[int]
) -> None:
    finer, coarser = sorted([finer, coarser])
    stages = thin(join(thin(piece, finer) for piece in cut(series, places)), coarser)
    assert as_bytes(stages) == as_bytes(thin(series, coarser))


@given(series(), levels, levels, st.lists(st.integers(0, 300), max_size=5))
def test_the_mean_of_a_bucket_is_that_of_its_points(
    series: Series, finer: int, coarser: int, places: list[int]
) -> None:
    finer, coarser = sorted([finer, coarser])
    small = Series(series.steps, series.values.clip(-1e9, 1e9))  # the sums do not overflow
    stages = thin(join(thin(piece, finer) for piece in cut(small, places)), coarser)
    with np.errstate(invalid="ignore"):
        means = [small.values[small.steps >> coarser == step >> coarser].mean() for step in stages.steps.tolist()]
    np.testing.assert_allclose(stages.means, means, rtol=1e-9, atol=1e-3)


@given(series())
def test_the_maximum_of_a_thinned_series_stands_for_all_points(series: Series) -> None:
    largest = maximum(thin(series, 3))
    assert largest.stands_for is not None and largest.stands_for.tolist() == [len(series.steps)]
    keys = np.where(np.isnan(series.values), np.inf, series.values)
    assert largest.steps.tolist() == [series.steps[keys.argmax()]]


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 1000))
def test_a_level_is_the_finest_with_so_many_buckets(first: int, length: int, buckets: int) -> None:
    last = first + length
    level = level_for(first, last, buckets)
    assert (last >> level) - (first >> level) + 1 <= max(1, buckets)
    assert level == 0 or (last >> level - 1) - (first >> level - 1) + 1 > buckets
