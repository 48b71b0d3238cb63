"""Splits: the assignment of examples to parts, by scikit-learn, as in the lecture (80/20, then 80/20 of the rest).

A split is drawn once and stored with the dataset, because scikit-learn does not promise the same draw in later
versions. So a seed means the same split on every machine and in every version.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from app.datasets.arrays import OWN_PARTS, Arrays, Store
from app.datasets.errors import SplitImpossible
from app.datasets.shuffle_split import is_possible, shuffle_split, taken_count

Indices = NDArray[np.int64]
Part = Literal["validation", "test"]


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
        train, validation = _take("validation", train, arrays.targets, wanted.validation, wanted)
        return Split(train, validation, test)
    if wanted.folds:
        rest, test = _fold(everything, arrays.targets, wanted)
    else:
        rest, test = _take("test", everything, arrays.targets, wanted.test, wanted)
    size = _of_rest(wanted, len(rest), len(everything))
    train, validation = _take("validation", rest, arrays.targets, size, wanted)
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


def _take(
    part: Part, indices: Indices, targets: NDArray[np.generic], size: float, wanted: SplitSpec
) -> tuple[Indices, Indices]:
    """Separate a number or fraction of the indices from the others. If stratified, a class of one stays with those."""
    if size == 0:
        return indices, indices[:0]
    if wanted.stratify:
        _, label, counts = np.unique(targets[indices], return_inverse=True, return_counts=True)
        alone = indices[counts[label] == 1]
        if 0 < len(alone) < len(indices):
            size = taken_count(len(indices), size)
            rest, chosen = _take(part, indices[counts[label] > 1], targets, size, wanted)
            return np.concatenate([rest, alone]), chosen
    labels, taken = targets[indices], taken_count(len(indices), size)
    if is_possible(taken, labels, wanted.stratify):
        rest, chosen = shuffle_split(taken, labels, wanted.seed % 2**32, wanted.stratify)
        return indices[rest], indices[chosen]
    raise _impossible(part, taken, labels, wanted)


def _fold(indices: Indices, targets: NDArray[np.generic], wanted: SplitSpec) -> tuple[Indices, Indices]:
    from sklearn.model_selection import KFold, StratifiedKFold

    assert wanted.folds is not None
    kind = StratifiedKFold if wanted.stratify else KFold
    folds = kind(wanted.folds, shuffle=True, random_state=wanted.seed % 2**32)
    counts = np.bincount(targets.astype(np.int64)) if wanted.stratify else np.array([len(targets)])
    if counts[counts > 0].min() < wanted.folds:
        raise SplitImpossible("too_few_for_folds", folds=wanted.folds, stratify=wanted.stratify)
    rest, test = list(folds.split(indices, targets))[wanted.fold]
    return rest, test


def _impossible(part: Part, taken: int, labels: NDArray[np.generic], wanted: SplitSpec) -> SplitImpossible:
    """Refusal of a part of `taken` examples, with a number that would do if there is one."""
    sizes = {"part": part, "taken": taken, "examples": len(labels), "left": len(labels) - taken}
    if not 0 < taken < len(labels) or not wanted.stratify:
        return SplitImpossible("split_impossible", **sizes)
    _, counts = np.unique(labels, return_counts=True)
    classes = len(counts)
    if counts.max() == 1:
        return SplitImpossible("all_classes_of_one_example", part=part, classes=classes)
    further = 1 if part == "test" and wanted.validation else 0
    fits = (2 + further) * classes <= len(labels)
    return SplitImpossible("too_few_for_classes", **sizes, classes=classes, fits=fits)
