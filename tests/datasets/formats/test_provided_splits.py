"""The parts that an upload defines are used, or an error says why not."""

from pathlib import Path

import numpy as np
import pytest

from app.datasets.errors import ImportFailed
from tests.support.archives import png, zipped
from tests.support.imports import imported, said_of, warnings_of
from tests.support.numbered import LABELS, PICTURES, idx, npz


def archive(**parts: str) -> bytes:
    """Three pictures of each class of each part: `archive(train="AB", test="AB")`."""
    return zipped({f"{part.removeprefix('_')}/{letter}/{number}.png": png(number)
                   for part, classes in parts.items() for letter in classes for number in range(3)})  # fmt: skip


@pytest.mark.parametrize(
    ("data", "own", "said"),
    [
        (archive(train="AB", val="AB", test="AB"), ["train", "validation", "test"], ""),
        (archive(train="AB", val="AB"), ["train", "test"], "no test part: the validation part is used"),
        (archive(train="A", test="AB"), ["train", "test"], "training part has no example of 'B'"),
        (archive(train="AB", test="AB", others="A"), [], "3 of 15 examples are in none of the parts train, test"),
        (archive(val="AB", test="AB"), [], "no training part, only validation and test"),
        (archive(train="AB"), [], ""),
    ],
)
def test_an_archives_own_parts_are_taken_or_it_is_said_why_not(
    tmp_path: Path, data: bytes, own: list[str], said: str
) -> None:
    found = imported(tmp_path, data)
    assert found.arrays.own_split == own
    assert said in " ".join(warnings_of(found)) and bool(said) == bool(warnings_of(found))


def test_what_is_held_out_is_never_trained_on(tmp_path: Path) -> None:
    found = imported(tmp_path, archive(train="AB", val="AB")).arrays
    assert found.parts is not None and found.parts.tolist() == [0, 0, 0, 2, 2, 2] * 2


def test_half_of_a_part_is_refused_and_what_is_not_read_is_named(tmp_path: Path) -> None:
    whole = {"x_train": PICTURES, "y_train": LABELS}
    with pytest.raises(ImportFailed, match="holds x_test without y_test"):
        imported(tmp_path, npz(**whole, x_test=PICTURES))
    with pytest.raises(ImportFailed, match="test_images, test_labels came without images"):
        imported(tmp_path, {"test_images": idx(PICTURES), "test_labels": idx(LABELS)})
    found = imported(tmp_path, npz(**whole, X=PICTURES, y=LABELS, ids=np.arange(30)))
    assert said_of(found) == ["the .npz holds further arrays, which are ignored: X, y, ids"]


def test_classes_without_an_example_are_named(tmp_path: Path) -> None:
    found = imported(tmp_path, npz(X=PICTURES, y=LABELS * 2))
    assert said_of(found) == ["2 of 5 classes have no example: '1', '3'"]
    found = imported(tmp_path, {"images": idx(PICTURES), "labels": idx(LABELS)}, classes=("a", "b", "c", "d"))
    assert said_of(found) == ["1 of 4 classes has no example: 'd'"]


def test_classes_that_are_one_on_other_systems_are_told(tmp_path: Path) -> None:
    found = imported(tmp_path, zipped({f"{label}/{n}.png": png(n) for label in ("A", "a", "B") for n in range(2)}))
    assert found.arrays.classes == ("A", "B", "a")
    assert said_of(found) == ["some classes differ only in case, or in how a letter is encoded: 'A' and 'a'"]
