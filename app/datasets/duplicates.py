"""Test examples that the training part has already: who knows them by heart is right about them, and has learnt
nothing. notMNIST is known for them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.datasets.arrays import Arrays
from app.datasets.split import Split

NEAR = 8.0  # root mean square of the pixels' differences, of 255: the same letter by two fonts that hardly differ
MOST_PRODUCTS = 2e11  # of one comparison; beyond it the test part is drawn from
MOST_NUMBERS = 784  # of a picture, when it is compared: larger ones are averaged over squares first
AT_ONCE = 256


@dataclass(frozen=True)
class Twin:
    """A test example, the training example next to it, and how far apart they are (0 to 255, root mean square)."""

    test: int
    train: int
    distance: float


@dataclass(frozen=True)
class Duplicates:
    """Those that were found among the `compared` test examples, the nearest first."""

    compared: int
    twins: list[Twin]


def duplicates(arrays: Arrays, parts: Split) -> Duplicates:
    """The test examples whose nearest training example is as good as equal: pictures within NEAR, rows exactly."""
    if not len(parts.train) or not len(parts.test):
        return Duplicates(0, [])
    if arrays.inputs.dtype == np.uint8:
        return _near(arrays.inputs, parts)
    return _equal(arrays.inputs, parts)


def _near(pictures: NDArray[Any], parts: Split) -> Duplicates:
    """By ‖a − b‖² = ‖a‖² + ‖b‖² − 2a·b, for all pairs as one product of matrices."""
    factor = _factor(pictures.shape)
    numbers = pictures[0, :, ::factor, ::factor].size
    most = max(1, int(MOST_PRODUCTS / (len(parts.train) * numbers)))
    test = parts.test
    if len(test) > most:
        test = np.sort(np.random.default_rng(0).choice(test, most, replace=False))
    best = np.full(len(test), np.inf, np.float32)
    nearest = np.zeros(len(test), np.int64)
    pieces = np.array_split(test, 1 + len(test) // AT_ONCE)
    probes = np.concatenate([_flat(pictures[some], factor) for some in pieces])
    lengths = np.square(probes).sum(1)
    for start in range(0, len(parts.train), AT_ONCE):
        indices = parts.train[start : start + AT_ONCE]
        some = _flat(pictures[indices], factor)
        squares = lengths[:, None] + np.square(some).sum(1) - 2 * probes @ some.T
        place = squares.argmin(1)
        least = squares[np.arange(len(test)), place]
        closer = least < best
        best[closer], nearest[closer] = least[closer], indices[place[closer]]
    # Averaging brings pictures nearer to each other, never farther: of those that are far apart so, none is near.
    candidates = np.flatnonzero(np.sqrt(np.maximum(best, 0) / probes.shape[1]) <= NEAR)
    pairs = zip(test[candidates].tolist(), nearest[candidates].tolist(), strict=True)
    twins = [Twin(mine, other, _distance(pictures[mine], pictures[other])) for mine, other in pairs]
    return Duplicates(len(test), sorted((t for t in twins if t.distance <= NEAR), key=lambda twin: twin.distance))


def _distance(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Root mean square of the pixels' differences."""
    return round(float(np.sqrt(np.square(a.astype(np.float64) - b).mean())), 2)


def _equal(rows: NDArray[Any], parts: Split) -> Duplicates:
    known = {rows[index].tobytes(): index for index in reversed(parts.train.tolist())}
    twins = [Twin(index, known[key], 0.0) for index in parts.test.tolist() if (key := rows[index].tobytes()) in known]
    return Duplicates(len(parts.test), twins)


def _factor(shape: tuple[int, ...]) -> int:
    """By how much the sides are reduced, so that a picture has few enough numbers."""
    _, channels, height, width = shape
    return max(1, int(np.ceil(np.sqrt(channels * height * width / MOST_NUMBERS))))


def _flat(pictures: NDArray[Any], factor: int) -> NDArray[np.float32]:
    """(N, C, H, W) as (N, D), averaged over squares of `factor`; what is left over at the edges does not count."""
    count, channels, height, width = pictures.shape
    rows, columns = max(1, height // factor), max(1, width // factor)
    whole = pictures[:, :, : rows * min(factor, height), : columns * min(factor, width)].astype(np.float32)
    squares = whole.reshape(count, channels, rows, -1, columns, whole.shape[3] // columns)
    averages: NDArray[np.float32] = squares.mean((3, 5)).reshape(count, -1)
    return averages
