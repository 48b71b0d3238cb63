"""Shuffled splits in NumPy alone, equal to scikit-learn's `train_test_split`.

A service that splits data need not load scikit-learn, which takes a second and 100 MB.
"""

import math

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


def taken_count(examples: int, size: float) -> int:
    """Number of examples that a fraction below 1 or a count takes."""
    return math.ceil(size * examples) if size < 1 else round(size)


def is_possible(taken: int, labels: NDArray[np.generic], stratify: bool) -> bool:
    """True if both parts get an example, and if stratified, one of each class."""
    rest = len(labels) - taken
    if not stratify:
        return rest > 0 and taken > 0
    _, counts = np.unique(labels, return_counts=True)
    return bool(counts.min(initial=2) >= 2) and min(rest, taken) >= max(1, len(counts))


def shuffle_split(taken: int, labels: NDArray[np.generic], seed: int, stratify: bool) -> tuple[Indices, Indices]:
    """Draw the positions of the rest and of `taken` examples. Requires `is_possible`.

    Source: `ShuffleSplit` and `StratifiedShuffleSplit` of scikit-learn 1.9.
    """
    generator = np.random.RandomState(seed)
    if not stratify:
        order = generator.permutation(len(labels))
        return order[taken:], order[:taken]
    _, classes, counts = np.unique(labels, return_inverse=True, return_counts=True)
    of_rest = _shares(counts, len(labels) - taken, generator)
    of_taken = _shares(counts - of_rest, taken, generator)
    by_class = np.split(np.argsort(classes, kind="stable"), np.cumsum(counts)[:-1])
    shuffled = [members[generator.permutation(len(members))] for members in by_class]
    rest = np.concatenate([members[:r] for members, r in zip(shuffled, of_rest, strict=True)])
    chosen = np.concatenate([members[r : r + t] for members, r, t in zip(shuffled, of_rest, of_taken, strict=True)])
    return generator.permutation(rest), generator.permutation(chosen)


def _shares(counts: Indices, draws: int, generator: np.random.RandomState) -> Indices:
    """Number of draws from each class: proportional, the largest remainders rounded up, ties broken at random."""
    exact = counts / counts.sum() * draws
    shares = np.floor(exact)
    remainders = exact - shares
    missing = int(draws - shares.sum())
    for remainder in np.unique(remainders)[::-1]:
        if missing <= 0:
            break
        tied = np.flatnonzero(remainders == remainder)
        chosen = generator.choice(tied, size=min(len(tied), missing), replace=False)
        shares[chosen] += 1
        missing -= len(chosen)
    whole: Indices = shares.astype(np.int64)
    return whole
