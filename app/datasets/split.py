"""Which example belongs to which part: the lecture's split, 80/20 and the 80 again, by scikit-learn.

A split is drawn once and stored with the dataset: the same seed is the same split on every machine and with every
later version of scikit-learn, whose generators promise nothing.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import train_test_split

from app.datasets.arrays import Store
from app.datasets.errors import SplitImpossible

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """The indices of each part; every example is in exactly one."""

    train: Indices
    validation: Indices
    test: Indices


def split(targets: NDArray[np.generic], *, validation: float, test: float, seed: int, stratify: bool) -> Split:
    """Equal to `train_test_split` applied twice: the test part of the whole, then the validation part of the rest.

    `validation` and `test` are fractions of the whole; 0 leaves a part empty. Raises SplitImpossible.
    """
    rest, test_part = _take(np.arange(len(targets)), targets, test, seed, stratify)
    train, validation_part = _take(rest, targets, validation / (1 - test), seed, stratify)
    return Split(train, validation_part, test_part)


def stored_split(store: Store, folder: str, targets: NDArray[np.generic], *, keep: bool = True, **wanted: Any) -> Split:
    """The `split` as it lies in the dataset's folder; where it does not, it is drawn, and stored if it is to `keep`.

    The file holds the sizes of the first two parts, and then all indices. Two who store it at once write the same.
    """
    fractions = f"{wanted['validation']!r}-{wanted['test']!r}-{wanted['seed']}"
    name = f"{folder}/splits/{fractions}-{'stratified' if wanted['stratify'] else 'plain'}.npy"
    try:
        stored = np.load(store.local(name), allow_pickle=False)
    except FileNotFoundError:
        drawn = split(targets, **wanted)
        parts = (drawn.train, drawn.validation, drawn.test)
        if keep:
            with store.create(name) as file:
                np.save(file, np.concatenate([[len(drawn.train), len(drawn.validation)], *parts]), allow_pickle=False)
        return drawn
    train, validation = stored[:2]
    return Split(*np.split(stored[2:], [train, train + validation]))


def _take(
    indices: Indices, targets: NDArray[np.generic], share: float, seed: int, stratify: bool
) -> tuple[Indices, Indices]:
    if share == 0:
        return indices, indices[:0]
    classes = targets[indices] if stratify else None
    try:
        rest, taken = train_test_split(indices, test_size=share, random_state=seed % 2**32, stratify=classes)
    except ValueError as error:
        advice = 'take other fractions, or "stratify": false if a class is too small'
        raise SplitImpossible(f"{len(indices)} examples cannot be split so: {error}; {advice}") from error
    return rest, taken
