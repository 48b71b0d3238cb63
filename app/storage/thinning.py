"""Thinning: a series as fewer points, without losing an extreme.

A bucket of level k holds the points of 2ᵏ consecutive steps, those with the same `step >> k`. It keeps its minimum and
its maximum, the first of equal ones; NaN counts as a maximum. A bucket depends on nothing but its steps, so it is the
same in every range, and in every run. And what has been thinned can be thinned further: for j ≤ k,

    thin(join([thin(a, j), thin(b, j)]), k) == thin(join([a, b]), k)

A bucket also has the mean of its points, for curves that are smoothed. There the equation holds up to rounding.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.storage.series import Series


def thin(series: Series, level: int) -> Series:
    """The minimum and the maximum of each bucket, with its mean. What they stand for adds up to all points."""
    if not len(series.steps):
        return Series(series.steps, series.values, np.empty(0, np.int64), np.empty(0))
    buckets = series.steps >> level
    starts = np.concatenate([[0], 1 + np.flatnonzero(buckets[1:] != buckets[:-1])])
    keys = np.where(np.isnan(series.values), np.inf, series.values)
    is_kept = np.zeros(len(keys), bool)
    is_kept[_first(np.minimum, keys, starts)] = is_kept[_first(np.maximum, keys, starts)] = True
    kept = np.flatnonzero(is_kept)
    points = np.ones(len(keys), np.int64) if series.stands_for is None else series.stands_for
    points_of_bucket = np.add.reduceat(points, starts)
    first_kept = np.searchsorted(kept, starts)
    kept_of_bucket = np.diff(first_kept, append=len(kept))
    stands_for = np.repeat(points_of_bucket // kept_of_bucket, kept_of_bucket)
    stands_for[first_kept] += points_of_bucket % kept_of_bucket
    means = np.repeat(_sums(series, points, starts) / points_of_bucket, kept_of_bucket)
    return Series(series.steps[kept], series.values[kept], stands_for, means)


def _sums(series: Series, points: NDArray[np.int64], starts: NDArray[Any]) -> NDArray[np.float64]:
    """Sum of each bucket's points; not finite where one of them is not."""
    with np.errstate(over="ignore", invalid="ignore"):
        sums: NDArray[np.float64] = np.add.reduceat(
            points * (series.values if series.means is None else series.means), starts
        )
    return sums


def _first(extreme: np.ufunc, keys: NDArray[np.float64], starts: NDArray[np.int64]) -> NDArray[Any]:
    """Position of the first minimum or maximum of each bucket, by the positions where the buckets start."""
    sizes = np.diff(starts, append=len(keys))
    extremes = np.flatnonzero(keys == np.repeat(extreme.reduceat(keys, starts), sizes))
    return extremes[np.searchsorted(extremes, starts)]


def maximum(series: Series) -> Series:
    """The first maximum of a thinned series, which then stands for all of it."""
    assert series.stands_for is not None
    place = [np.where(np.isnan(series.values), np.inf, series.values).argmax()]
    total = series.stands_for.sum(keepdims=True)
    mean = _sums(series, series.stands_for, np.array([0])) / total
    return Series(series.steps[place], series.values[place], total, mean)


def level_for(first: int, last: int, buckets: int) -> int:
    """The finest level with at most so many buckets from the first to the last step."""
    level = 0
    while (last >> level) - (first >> level) >= max(1, buckets):
        level += 1
    return level
