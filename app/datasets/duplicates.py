"""Near-duplicates between the training and the test part.

A network that memorised the training example also gets the test example right, so duplicates inflate the test score.
notMNIST is known for them.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.datasets.arrays import Arrays
from app.datasets.projection import factor, flat
from app.datasets.splits import Indices, Split
from app.datasets.statistics import drawn

NEAR = 8.0  # root mean square difference of the pixels, out of 255: the same letter in two almost equal fonts
MOST_PRODUCTS = 5 * 10**10  # in one comparison, a few seconds of work; to stay below, the test part is sampled
MOST_PICTURES, MOST_ROWS = 2**14, 2**19  # of a test part, to bound the memory; larger ones are sampled
AT_ONCE = 256
NUMBERS_AT_ONCE = 2**18  # of rows that are hashed at once


@dataclass(frozen=True)
class Twin:
    """A test example, its nearest training example, and their distance (root mean square, 0 to 255)."""

    test: int
    train: int
    distance: float


@dataclass(frozen=True)
class Duplicates:
    """Duplicates among the `compared` test examples, nearest first."""

    compared: int
    twins: list[Twin]


def duplicates(arrays: Arrays, parts: Split) -> Duplicates:
    """Find the test examples that have a duplicate in the training part: pictures within NEAR, rows exactly equal."""
    if not len(parts.train) or not len(parts.test):
        return Duplicates(0, [])
    if arrays.inputs.dtype == np.uint8:
        return _near(arrays.inputs, parts)
    return _equal(arrays.inputs, parts)


@dataclass(frozen=True)
class Copies:
    """Numbers of examples with exactly the inputs of another one in the training part: of the test part's examples, and
    of the training part's own."""

    tested: int
    in_test: int
    trained: int
    in_train: int


def copies(arrays: Arrays, parts: Split) -> Copies:
    """Count the exact copies of training examples, by their hashes."""
    rows = arrays.inputs.reshape(len(arrays.inputs), -1)
    known, counts = np.unique(_hashes_at(rows, parts.train), return_counts=True)
    in_test = int(np.isin(_hashes_at(rows, parts.test), known).sum())
    return Copies(len(parts.test), in_test, len(parts.train), int(counts[counts > 1].sum()))


def _near(pictures: NDArray[Any], parts: Split) -> Duplicates:
    """Near-duplicates among pictures, by ‖a − b‖² = ‖a‖² − 2(a·b − ‖b‖²/2).

    All pairs are one matrix product: each b has −‖b‖²/2 as an additional number, and each a has a 1 there.
    """
    sides = factor(pictures.shape)
    numbers = pictures[0, :, ::sides, ::sides].size
    test = drawn(parts.test, max(1, min(MOST_PICTURES, MOST_PRODUCTS // (len(parts.train) * numbers))))
    probes = np.concatenate([flat(pictures[some], sides) for some in _pieces(test, AT_ONCE)])
    probes = np.hstack([probes, np.ones((len(test), 1), np.float32)])
    best = np.full(len(test), -np.inf, np.float32)
    nearest = np.zeros(len(test), np.int64)
    for indices in _pieces(parts.train, AT_ONCE):
        some = flat(pictures[indices], sides)
        products = probes @ np.hstack([some, -np.square(some).sum(1, keepdims=True) / 2]).T
        place = products.argmax(1)
        most = products[np.arange(len(test)), place]
        closer = most > best
        best[closer], nearest[closer] = most[closer], indices[place[closer]]
    squares = np.square(probes[:, :-1]).sum(1) - 2 * best
    # Averaging only reduces distances. So pictures that are far apart after it are far apart without it.
    candidates = np.flatnonzero(np.sqrt(np.maximum(squares, 0) / (probes.shape[1] - 1)) <= NEAR)
    pairs = zip(test[candidates].tolist(), nearest[candidates].tolist(), strict=True)
    twins = [Twin(mine, other, _distance(pictures[mine], pictures[other])) for mine, other in pairs]
    return Duplicates(len(test), sorted((t for t in twins if t.distance <= NEAR), key=lambda twin: twin.distance))


def _distance(a: NDArray[Any], b: NDArray[Any]) -> float:
    """Root mean square difference of the pixels, rounded to two decimals."""
    return round(float(np.sqrt(np.square(a.astype(np.float64) - b).mean())), 2)


def _equal(rows: NDArray[Any], parts: Split) -> Duplicates:
    """Exact duplicates among rows. Hashes find the candidates, which are then compared.

    The memory holds 8 bytes for each test row; the training rows are read in pieces.
    """
    test = drawn(parts.test, MOST_ROWS)
    at_once = max(1, NUMBERS_AT_ONCE // rows.shape[1])
    hashes = _hashes_at(rows, test)
    kinds, kind = np.unique(hashes, return_inverse=True)
    first = np.full(len(kinds), -1)
    for some in _pieces(np.sort(parts.train), at_once):
        hashed = _hashes(rows[some])
        place = np.searchsorted(kinds, hashed).clip(max=len(kinds) - 1)
        new, where = np.unique(np.where((kinds[place] == hashed) & (first[place] < 0), place, -1), return_index=True)
        first[new[new >= 0]] = some[where[new >= 0]]
    pairs = zip(test.tolist(), first[kind].tolist(), strict=True)
    twins = [Twin(a, b, 0.0) for a, b in pairs if b >= 0 and rows[a].tobytes() == rows[b].tobytes()]
    return Duplicates(len(test), twins)


def _hashes_at(rows: NDArray[Any], indices: Indices) -> NDArray[np.uint64]:
    """Hashes of the rows at the indices, which are read in pieces."""
    pieces = _pieces(indices, max(1, NUMBERS_AT_ONCE // rows.shape[1]))
    return np.concatenate([np.empty(0, np.uint64), *(_hashes(rows[some]) for some in pieces)])


def _hashes(rows: NDArray[Any]) -> NDArray[np.uint64]:
    """64-bit hash of each row: the bits of its numbers, mixed with two random factors per column, and summed."""
    words = np.ascontiguousarray(rows)
    if words.dtype == np.uint8:
        words = np.pad(words, ((0, 0), (0, -words.shape[1] % 4)))
    words = words.view(np.uint32)
    factors = np.random.default_rng(0).integers(2**64, size=(2, words.shape[1]), dtype=np.uint64) | np.uint64(1)
    bits = words * factors[0]
    bits ^= bits >> np.uint64(32)
    bits *= factors[1]
    hashes: NDArray[np.uint64] = bits.sum(1)
    return hashes


def _pieces(indices: Indices, at_once: int) -> Iterator[Indices]:
    return (indices[start : start + at_once] for start in range(0, len(indices), at_once))
