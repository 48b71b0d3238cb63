"""IDX pairs and .npz: pictures and tables with numeric labels."""

import gzip
import io
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.datasets.errors import ImportFailed
from tests.support.imports import imported, warnings_of
from tests.support.numbered import CHANCE, LABELS, PICTURES, WHOLE, idx, npz


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzipped"])
def test_an_idx_pair_is_a_dataset(tmp_path: Path, pack: Any) -> None:
    found = imported(tmp_path, {"images": pack(idx(PICTURES)), "labels": pack(idx(LABELS))}, classes=("a", "b", "c"))
    assert np.array_equal(found.arrays.inputs[:, 0], PICTURES) and found.arrays.targets.tolist() == LABELS.tolist()
    assert found.arrays.classes == ("a", "b", "c") and found.arrays.parts is None


def test_a_second_pair_is_the_test_part(tmp_path: Path) -> None:
    pairs = {"images": PICTURES[:20], "labels": LABELS[:20], "test_images": PICTURES[20:], "test_labels": LABELS[20:]}
    found = imported(tmp_path, {role: idx(array) for role, array in pairs.items()})
    assert np.array_equal(found.arrays.inputs[:, 0], PICTURES) and found.arrays.classes == ("0", "1", "2")
    assert found.arrays.parts is not None and found.arrays.parts.tolist() == [0] * 20 + [2] * 10
    assert found.arrays.own_split == ["train", "test"]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"images": idx(PICTURES)[:-1]}, "declares 30 pictures, but the file holds 29"),
        ({"images": idx(PICTURES) + b"x"}, "declares 30 pictures, but the file holds more"),
        ({"labels": idx(LABELS[:-1])}, "30 pictures, but labels holds 29"),
        ({"labels": idx(LABELS)[:-1]}, "declares 30 labels, but the file holds 29"),
        ({"images": idx(LABELS)}, "1 dimensions"),
        ({"labels": idx(PICTURES)}, "3 dimensions"),
        ({"images": b"\0\0\x0d\1"}, "unsigned bytes"),
        ({"images": b"\0\0\x08\3\0\0"}, "within its header"),
        ({"images": b"\0\0\x08\3" + struct.pack(">3I", 2**32 - 1, 28, 28)}, "the file holds 0"),
        ({"images": b"\0\0\x08\3" + struct.pack(">3I", 30, 1000, 28)}, "at most 224×224"),
        ({"labels": idx(np.zeros(30, np.uint8))}, "every label is 0"),
        ({"images": gzip.compress(idx(PICTURES))[:-200]}, "damaged or cut off"),
        ({"test_images": idx(PICTURES)}, "test_images came without test_labels"),
        ({"test_images": idx(PICTURES[:, :, :20]), "test_labels": idx(LABELS)}, "20×20, the others 20×24"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_pair_that_is_none_is_refused(tmp_path: Path, changed: dict[str, bytes], said: str) -> None:
    with pytest.raises(ImportFailed, match=said):
        imported(tmp_path, WHOLE | changed)


def test_one_idx_file_alone_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match="images=@FILE"):
        imported(tmp_path, idx(PICTURES))


COLOURS = CHANCE.integers(0, 256, (30, 8, 10, 3), dtype=np.uint8)


@pytest.mark.parametrize("order", ["C", "F"])
def test_npz_pictures_are_taken_in_any_usual_form(tmp_path: Path, order: Any) -> None:
    forms = [
        ({"inputs": PICTURES[:, None], "targets": LABELS}, PICTURES[:, None]),
        ({"X": np.asarray(PICTURES, order=order), "y": LABELS.astype(np.int64)}, PICTURES[:, None]),
        ({"images": np.asarray(COLOURS, order=order), "labels": LABELS}, COLOURS.transpose(0, 3, 1, 2)),
        ({"data": COLOURS.transpose(0, 3, 1, 2), "target": LABELS[:, None]}, COLOURS.transpose(0, 3, 1, 2)),
    ]
    for arrays, wanted in forms:
        found = imported(tmp_path, npz(**arrays)).arrays
        assert np.array_equal(found.inputs, wanted) and found.targets.tolist() == LABELS.tolist()


def test_npz_with_parts_has_its_own_split(tmp_path: Path) -> None:
    arrays = {"x_train": PICTURES[:20], "y_train": LABELS[:20], "x_test": PICTURES[20:], "y_test": LABELS[20:]}
    found = imported(tmp_path, npz(**arrays)).arrays
    assert np.array_equal(found.inputs[:, 0], PICTURES) and found.own_split == ["train", "test"]


def test_parts_of_which_one_is_missing(tmp_path: Path) -> None:
    arrays = {"x_train": PICTURES[:20], "y_train": LABELS[:20], "x_val": PICTURES[20:], "y_val": LABELS[20:]}
    found = imported(tmp_path, npz(**arrays)).arrays
    assert len(found.targets) == 30 and found.own_split == ["train", "test"]  # the held-out part stays separate
    only_test = npz(inputs=PICTURES[:, None], targets=LABELS, parts=np.tile([1, 2], 15).astype(np.uint8))
    assert imported(tmp_path, only_test).arrays.own_split == []


def test_npz_tables_are_regressions_or_classes_by_their_targets(tmp_path: Path) -> None:
    rows, numbers = CHANCE.normal(size=(30, 4)), CHANCE.normal(size=30)
    found = imported(tmp_path, npz(X=rows, y=numbers, feature_names=np.array(["a", "b", "c", "d"]))).arrays
    assert found.task == "regression" and found.feature_names == ("a", "b", "c", "d")
    np.testing.assert_array_equal(found.inputs, rows.astype(np.float32))
    named = imported(tmp_path, npz(X=rows, y=np.array(["no", "yes", "no"] * 10))).arrays
    assert named.classes == ("no", "yes") and named.targets.tolist() == [0, 1, 0] * 10
    assert imported(tmp_path, npz(X=rows, y=LABELS), task="regression").arrays.task == "regression"
    assert imported(tmp_path, npz(X=rows, y=LABELS.astype(float)), task="classification").arrays.counts() == [10] * 3


def test_what_may_be_classes_or_is_too_fine_for_float32_is_a_warning(tmp_path: Path) -> None:
    rows = CHANCE.normal(size=(30, 4))
    found = imported(tmp_path, npz(X=rows, y=LABELS.astype(float)))
    assert found.arrays.task == "regression" and "3 different whole numbers" in warnings_of(found)[0]
    assert warnings_of(imported(tmp_path, npz(X=rows, y=LABELS.astype(float)), task="regression")) == []
    assert warnings_of(imported(tmp_path, npz(X=rows, y=CHANCE.normal(size=30)))) == []
    (said,) = warnings_of(imported(tmp_path, npz(X=rows, y=1.7e9 + 10.0 * np.arange(30))))
    assert "30 different values" in said and "as float32" in said
    with pytest.raises(ImportFailed, match="from 1700000000 to 1700000029, which are equal"):
        imported(tmp_path, npz(X=rows, y=1.7e9 + np.arange(30)))


def test_what_was_exported_is_imported_as_it_was(tmp_path: Path) -> None:
    pairs = {"images": PICTURES[:20], "labels": LABELS[:20], "test_images": PICTURES[20:], "test_labels": LABELS[20:]}
    first = imported(tmp_path, {role: idx(array) for role, array in pairs.items()}, classes=("a", "b", "c")).arrays
    file = io.BytesIO()
    first.export(file)
    assert imported(tmp_path, file.getvalue()).arrays.checksum() == first.checksum()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (npz(X=PICTURES), "holds the arrays X; a dataset needs inputs and targets"),
        (npz(X=PICTURES, y=LABELS[:-1]), r"\(30, 20, 24\), the targets \(29\)"),
        (npz(X=PICTURES.astype(float), y=LABELS), "float64.*uint8 from 0 to 255"),
        (npz(X=np.zeros((3, 2)), y=np.array([1.0, np.nan, 2])), "NaN"),
        (npz(X=np.full((3, 2), np.inf), y=np.array([1.0, 3, 2])), "∞"),
        (npz(X=np.zeros((3, 2)), y=np.ones(3)), "is 1.0 in every row"),
        (npz(X=np.zeros((3, 2), complex), y=np.ones(3)), "complex128"),
        (npz(X=np.zeros((3, 2)), y=np.array(["a", "b", "c"]), z=np.zeros(2, "datetime64[s]")), "datetime64"),
        (npz(X=np.zeros((3, 300, 300), np.uint8), y=np.arange(3)), "at most 224×224"),
        (npz(X=PICTURES, y=LABELS.astype(int) - 1), "from -1 to 1"),
    ],
    ids=range(10),
)
def test_an_npz_that_is_no_dataset_is_refused(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(ImportFailed, match=said):
        imported(tmp_path, data)


def test_python_objects_are_never_loaded(tmp_path: Path) -> None:
    file = io.BytesIO()
    np.savez(file, X=np.array([{"a": 1}, print], dtype=object), y=np.arange(2), allow_pickle=True)
    with pytest.raises(ImportFailed, match="Python objects, which are never loaded"):
        imported(tmp_path, file.getvalue())


def test_a_shape_that_is_asked_for_is_not_made_of_numbers(tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match="shape= says 1×28×28"):
        imported(tmp_path, WHOLE, shape=(1, 28, 28))
