"""A series of points: the values of one measured quantity by step."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Series:
    """Points in the order of their steps: steps (n,) int64 and values (n,) float64, which may be NaN or ∞.

    A thinned series also says of each point how many points it represents, and the mean of its bucket.
    """

    steps: NDArray[np.int64]
    values: NDArray[np.float64]
    stands_for: NDArray[np.int64] | None = None
    means: NDArray[np.float64] | None = None

    def between(self, first: int, last: int) -> "Series":
        """The points from the first to the last step."""
        start, stop = np.searchsorted(self.steps, [first, last + 1])
        chosen = slice(int(start), int(stop))
        if self.stands_for is None or self.means is None:
            return Series(self.steps[chosen], self.values[chosen])
        return Series(self.steps[chosen], self.values[chosen], self.stands_for[chosen], self.means[chosen])


def join(pieces: Iterable[Series]) -> Series:
    """Concatenate pieces of a series, all of them thinned or none."""
    parts = list(pieces)
    steps = np.concatenate([np.empty(0, np.int64), *(part.steps for part in parts)])
    values = np.concatenate([np.empty(0, np.float64), *(part.values for part in parts)])
    counts = [part.stands_for for part in parts if part.stands_for is not None]
    means = [part.means for part in parts if part.means is not None]
    if not counts:
        return Series(steps, values)
    return Series(steps, values, np.concatenate(counts), np.concatenate(means))
