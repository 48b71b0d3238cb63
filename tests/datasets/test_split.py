"""Who belongs to which part: scikit-learn's split twice, drawn once and kept."""

from pathlib import Path

import numpy as np
import pytest
from sklearn.model_selection import train_test_split

from app.datasets import split as splitting
from app.datasets.split import Split, split, stored_split
from app.storage.files import LocalFiles

LABELS = np.repeat([0, 1, 2], [60, 30, 10])
WANTED = {"validation": 0.16, "test": 0.2, "seed": 3, "stratify": True}


def parts(found: Split) -> list[list[int]]:
    return [part.tolist() for part in (found.train, found.validation, found.test)]


@pytest.mark.parametrize("stratify", [True, False])
def test_it_is_scikit_learns_split_applied_twice(stratify: bool) -> None:
    labels = LABELS if stratify else None
    rest, test = train_test_split(np.arange(100), test_size=0.2, random_state=3, stratify=labels)
    within = None if labels is None else labels[rest]
    train, validation = train_test_split(rest, test_size=0.16 / 0.8, random_state=3, stratify=within)
    found = split(LABELS, validation=0.16, test=0.2, seed=3, stratify=stratify)
    assert parts(found) == [train.tolist(), validation.tolist(), test.tolist()]


def test_a_split_is_drawn_once_and_then_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = LocalFiles(tmp_path)
    first = stored_split(store, "datasets/letters", LABELS, **WANTED)
    monkeypatch.setattr(splitting, "split", None)  # another version of scikit-learn, say: nobody asks it again
    again = stored_split(store, "datasets/letters", LABELS, **WANTED)
    assert parts(again) == parts(first)
    assert all(part.dtype == np.int64 for part in (again.train, again.validation, again.test))


def test_a_look_stores_nothing(tmp_path: Path) -> None:
    store = LocalFiles(tmp_path)
    looked = stored_split(store, "datasets/letters", LABELS, keep=False, **WANTED)
    assert not list(tmp_path.iterdir())
    assert parts(looked) == parts(stored_split(store, "datasets/letters", LABELS, **WANTED))


def test_what_is_wanted_otherwise_is_another_split(tmp_path: Path) -> None:
    store = LocalFiles(tmp_path)
    others = [{}, {"seed": 4}, {"stratify": False}, {"test": 0.3}, {"validation": 0.0}, {"test": 0.0}]
    found = [parts(stored_split(store, "datasets/letters", LABELS, **WANTED | other)) for other in others]
    assert len({str(each) for each in found}) == len(others)
    assert [parts(stored_split(store, "datasets/letters", LABELS, **WANTED | other)) for other in others] == found
    assert (found[4][1], found[5][2]) == ([], [])
    for each in found:
        assert sorted(index for part in each for index in part) == list(range(100))
