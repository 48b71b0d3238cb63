"""Splits: the assignment of examples to parts, by scikit-learn, as in the lecture (80/20, then 80/20 of the rest).

A split is drawn once and stored with the dataset, because scikit-learn does not promise the same draw in later
versions. So a seed means the same split on every machine and in every version.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.datasets.arrays import OWN_PARTS, Arrays, Store
from app.datasets.errors import SplitImpossible
from app.datasets.shuffle_split import is_possible, shuffle_split, taken_count

Indices = NDArray[np.int64]


@dataclass(frozen=True)
class Split:
    """The indices of each part; every example is in exactly one."""

    train: Indices
    validation: Indices
    test: Indices


@dataclass(frozen=True)
class SplitSpec:
    """Specification of a split.

    validation, test: fractions of the whole below 1, or numbers of examples; 0 leaves a part empty.

    own: use the dataset's own parts; validation is drawn from the training part if there is none.

    folds, fold: the test part is the `fold`-th of `folds` folds, counted from 0.
    """

    validation: float = 0.16
    test: float = 0.2
    seed: int = 0
    stratify: bool = True
    own: bool = False
    folds: int | None = None
    fold: int = 0

    @classmethod
    def of(cls, request: Mapping[str, Any]) -> "SplitSpec":
        """Make a specification from the `split` of a resolved request."""
        return cls(**request)

    def to_json(self) -> dict[str, Any]:
        """JSON of the specification, as in a resolved request, without fields that have no effect."""
        specification = asdict(self)
        if self.own or self.folds:
            del specification["test"]
        return specification

    @property
    def name(self) -> str:
        """Name of the file; it differs if any effective field differs."""
        test = "own" if self.own else f"fold{self.fold}of{self.folds}" if self.folds else repr(self.test)
        return f"{self.validation!r}-{test}-{self.seed}-{'stratified' if self.stratify else 'plain'}"


def split(arrays: Arrays, wanted: SplitSpec) -> Split:
    """Split as `train_test_split` twice: the test part from the whole, then the validation part from the rest.

    Raises SplitImpossible.
    """
    everything = np.arange(len(arrays.targets))
    if wanted.own:
        if arrays.parts is None:
            raise SplitImpossible("no_own_parts", "/own")
        train, validation, test = (np.flatnonzero(arrays.parts == index) for index in range(len(OWN_PARTS)))
        if len(validation):
            return Split(train, validation, test)
        train, validation = _take(train, arrays.targets, wanted.validation, wanted)
        return Split(train, validation, test)
    if wanted.folds:
        rest, test = _fold(everything, arrays.targets, wanted)
    else:
        rest, test = _take(everything, arrays.targets, wanted.test, wanted)
    train, validation = _take(rest, arrays.targets, _of_rest(wanted, len(rest), len(everything)), wanted)
    return Split(train, validation, test)


def _of_rest(wanted: SplitSpec, rest: int, whole: int) -> float:
    """Size of the validation part, as a fraction of the rest instead of the whole; a count stays as it is."""
    if wanted.validation >= 1:
        return wanted.validation
    share = wanted.validation / (rest / whole if wanted.folds or wanted.test >= 1 else 1 - wanted.test)
    if share >= 1:
        parts = {"rest": rest, "examples": whole, "validation": wanted.validation}
        raise SplitImpossible("nothing_left_to_train_on", **parts)
    return share


def stored_split(store: Store, folder: str, arrays: Arrays, wanted: SplitSpec, *, keep: bool = True) -> Split:
    """Load a split from the dataset's folder. If it is missing, draw it, and store it if `keep`.

    The file holds the sizes of the first two parts, then all indices. Concurrent writers write equal files.
    """
    name = f"{folder}/splits/{wanted.name}.npy"
    try:
        stored = np.load(store.local(name), allow_pickle=False)
    except FileNotFoundError:
        drawn = split(arrays, wanted)
        parts = (drawn.train, drawn.validation, drawn.test)
        if keep:
            with store.create(name) as file:
                np.save(file, np.concatenate([[len(drawn.train), len(drawn.validation)], *parts]), allow_pickle=False)
        return drawn
    train, validation = stored[:2]
    return Split(*np.split(stored[2:], [train, train + validation]))


def _take(indices: Indices, targets: NDArray[np.generic], size: float, wanted: SplitSpec) -> tuple[Indices, Indices]:
    """Separate a number or fraction of the indices from the others. If stratified, a class of one stays with those."""
    if size == 0:
        return indices, indices[:0]
    if wanted.stratify:
        _, label, counts = np.unique(targets[indices], return_inverse=True, return_counts=True)
        alone = indices[counts[label] == 1]
        if 0 < len(alone) < len(indices):
            size = taken_count(len(indices), size)
            rest, chosen = _take(indices[counts[label] > 1], targets, size, wanted)
            return np.concatenate([rest, alone]), chosen
    labels, taken = targets[indices], taken_count(len(indices), size)
    if is_possible(taken, labels, wanted.stratify):
        rest, chosen = shuffle_split(taken, labels, wanted.seed % 2**32, wanted.stratify)
        return indices[rest], indices[chosen]
    from sklearn.model_selection import train_test_split  # for its error message

    try:
        train_test_split(indices, test_size=size if size < 1 else taken, stratify=labels if wanted.stratify else None)
    except ValueError as error:
        raise _impossible(indices, error) from error
    raise AssertionError("scikit-learn finds a split that `is_possible` denies")


def _fold(indices: Indices, targets: NDArray[np.generic], wanted: SplitSpec) -> tuple[Indices, Indices]:
    from sklearn.model_selection import KFold, StratifiedKFold

    assert wanted.folds is not None
    kind = StratifiedKFold if wanted.stratify else KFold
    folds = kind(wanted.folds, shuffle=True, random_state=wanted.seed % 2**32)
    counts = np.bincount(targets.astype(np.int64)) if wanted.stratify else np.array([len(targets)])
    if counts[counts > 0].min() < wanted.folds:
        raise SplitImpossible("too_few_for_folds", folds=wanted.folds, stratify=wanted.stratify)
    try:
        rest, test = list(folds.split(indices, targets))[wanted.fold]
    except ValueError as error:
        raise _impossible(indices, error) from error
    return rest, test


def _impossible(indices: Indices, error: ValueError) -> SplitImpossible:
    why = str(error).partition(" Classes with")[0].rstrip(".")  # scikit-learn would list the classes, maybe hundreds
    return SplitImpossible("split_impossible", examples=len(indices), reason=why)
