"""Splits: scikit-learn's split applied twice, drawn once and stored."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from app.datasets import splits as splitting
from app.datasets.arrays import Arrays
from app.datasets.errors import SplitImpossible
from app.datasets.splits import Split, SplitSpec, split, stored_split
from app.storage.files import LocalFiles

LABELS = np.repeat([0, 1, 2], [60, 30, 10])
LETTERS = Arrays(np.zeros((100, 1, 28, 28), np.uint8), LABELS, ("A", "B", "C"))
WANTED = SplitSpec(validation=0.16, test=0.2, seed=3)


def parts(found: Split) -> list[list[int]]:
    return [part.tolist() for part in (found.train, found.validation, found.test)]


@pytest.mark.parametrize("stratify", [True, False])
def test_it_is_scikit_learns_split_applied_twice(stratify: bool) -> None:
    labels = LABELS if stratify else None
    rest, test = train_test_split(np.arange(100), test_size=0.2, random_state=3, stratify=labels)
    within = None if labels is None else labels[rest]
    train, validation = train_test_split(rest, test_size=0.16 / 0.8, random_state=3, stratify=within)
    found = split(LETTERS, replace(WANTED, stratify=stratify))
    assert parts(found) == [train.tolist(), validation.tolist(), test.tolist()]


def test_a_split_is_drawn_once_and_then_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LocalFiles(tmp_path)
    first = stored_split(store, "datasets/letters", LETTERS, WANTED)
    monkeypatch.setattr(splitting, "split", None)  # a new scikit-learn: the split is not redrawn
    again = stored_split(store, "datasets/letters", LETTERS, WANTED)
    assert parts(again) == parts(first)
    assert all(part.dtype == np.int64 for part in (again.train, again.validation, again.test))


def test_a_look_stores_nothing(tmp_path: Path) -> None:
    store = LocalFiles(tmp_path)
    looked = stored_split(store, "datasets/letters", LETTERS, WANTED, keep=False)
    assert not list(tmp_path.iterdir())
    assert parts(looked) == parts(stored_split(store, "datasets/letters", LETTERS, WANTED))


def test_what_is_wanted_otherwise_is_another_split(tmp_path: Path) -> None:
    store = LocalFiles(tmp_path)
    changes: list[dict[str, Any]] = [
        {}, {"seed": 4}, {"stratify": False}, {"test": 0.3}, {"validation": 0.0}, {"test": 0.0}
    ]  # fmt: skip
    others = [replace(WANTED, **change) for change in changes]
    found = [parts(stored_split(store, "datasets/letters", LETTERS, other)) for other in others]
    assert len({str(each) for each in found}) == len(others)
    assert [parts(stored_split(store, "datasets/letters", LETTERS, other)) for other in others] == found
    assert (found[4][1], found[5][2]) == ([], [])
    for each in found:
        assert sorted(index for part in each for index in part) == list(range(100))


@pytest.mark.parametrize("stratify", [True, False])
def test_by_counts_it_is_scikit_learns_split_applied_twice_too(stratify: bool) -> None:
    labels = LABELS if stratify else None
    rest, test = train_test_split(np.arange(100), test_size=25, random_state=3, stratify=labels)
    within = None if labels is None else labels[rest]
    train, validation = train_test_split(rest, test_size=15, random_state=3, stratify=within)
    found = split(LETTERS, SplitSpec(validation=15, test=25, seed=3, stratify=stratify))
    assert parts(found) == [train.tolist(), validation.tolist(), test.tolist()]


def test_a_fraction_is_of_the_whole_beside_a_count() -> None:
    found = split(LETTERS, SplitSpec(validation=0.25, test=40, stratify=False))
    assert [len(part) for part in parts(found)] == [35, 25, 40]


def test_each_example_is_tested_in_one_fold() -> None:
    folds = [parts(split(LETTERS, SplitSpec(validation=0.1, folds=5, fold=fold))) for fold in range(5)]
    assert sorted(index for _, _, test in folds for index in test) == list(range(100))
    for train, validation, test in folds:
        assert sorted(train + validation + test) == list(range(100))
        assert np.bincount(LABELS[test]).tolist() == [12, 6, 2] and len(validation) == 10


def test_too_many_folds_for_a_class_are_refused_with_what_would_do() -> None:
    with pytest.raises(SplitImpossible, match=r"20 folds need at least 20 examples of each class"):
        split(LETTERS, SplitSpec(folds=20))


@pytest.mark.parametrize("has_validation", [True, False])
def test_a_datasets_own_parts_are_taken_as_they_are(has_validation: bool) -> None:
    own = np.tile(np.array([0, 0, 1 if has_validation else 0, 2, 2], np.uint8), 20)
    train, validation, test = parts(split(replace(LETTERS, parts=own), SplitSpec(own=True, validation=0.2)))
    assert test == np.flatnonzero(own == 2).tolist()
    if has_validation:
        assert (train, validation) == (np.flatnonzero(own == 0).tolist(), np.flatnonzero(own == 1).tolist())
    else:
        assert len(validation) == 12 and sorted(train + validation) == np.flatnonzero(own == 0).tolist()


@pytest.mark.parametrize("wanted", [SplitSpec(test=90, validation=0.16), SplitSpec(folds=2, validation=0.6)])
def test_a_validation_part_larger_than_what_is_left_is_refused(wanted: SplitSpec) -> None:
    with pytest.raises(SplitImpossible, match="nothing is left to train on"):
        split(LETTERS, wanted)


def test_a_class_that_no_example_has_does_not_count(tmp_path: Path) -> None:
    unused = Arrays(LETTERS.inputs, LABELS + 1, ("-", "A", "B", "C"))
    assert len(split(unused, SplitSpec(folds=5)).test) == 20


@given(st.integers(2, 40), st.integers(1, 6))
def test_few_examples_of_each_class_are_split_or_refused_with_a_change_that_works(classes: int, each: int) -> None:
    labels = np.repeat(np.arange(classes), each)
    arrays = Arrays(np.zeros((len(labels), 1), np.float32), labels, tuple(map(str, range(classes))))
    wanted = SplitSpec()
    for _ in range(3):
        try:
            found = split(arrays, wanted)
        except SplitImpossible as refusal:
            assert refusal.message.code in ("too_few_for_classes", "all_classes_of_one_example")
            assert f"{classes} classes" in refusal.detail and "test_size" not in refusal.detail
            part: str = refusal.message.params["part"]
            if refusal.message.params.get("fits"):
                assert f'set "split": {{"{part}": {classes}}}' in refusal.detail
                wanted = replace(wanted, **{part: classes})
            elif refusal.message.code == "too_few_for_classes":
                wanted = replace(wanted, stratify=False)
            else:
                wanted = replace(wanted, **{part: 0})
        else:
            assert sorted(index for part in parts(found) for index in part) == list(range(len(labels)))
            return
    raise AssertionError("none of the proposed changes works")


@pytest.mark.parametrize("wanted", [SplitSpec(test=100), SplitSpec(test=150, stratify=False)])
def test_a_part_of_everything_is_refused(wanted: SplitSpec) -> None:
    with pytest.raises(SplitImpossible, match=r"test part would have 1[05]0 of 100 examples"):
        split(LETTERS, wanted)
