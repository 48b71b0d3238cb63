"""The catalogue defines for each dataset the addresses of its files and their import."""

import gzip
import re
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import pytest
from sklearn.datasets._california_housing import ARCHIVE

from app.datasets.arrays import OWN_PARTS, Arrays
from app.datasets.builtin import BUILTIN
from app.datasets.catalogue.published import CATALOGUE, Published
from app.datasets.formats.content import FILE, ROLES
from tests.support.archives import letters, tarred

ENTRIES = pytest.mark.parametrize("entry", CATALOGUE.values(), ids=CATALOGUE.keys())


def test_the_datasets_have_names_that_no_builtin_one_has() -> None:
    assert list(CATALOGUE) == [
        "notmnist-small", "notmnist-large", "mnist", "fashion-mnist", "kmnist", "california-housing"
    ]  # fmt: skip
    assert not set(CATALOGUE) & set(BUILTIN)


@ENTRIES
def test_every_file_has_addresses_on_the_web_and_sums_that_can_be_ones(entry: Published) -> None:
    for file in entry.files:
        for url in (file.url, *file.mirrors):
            assert urlsplit(url).scheme in ("http", "https") and urlsplit(url).hostname
        assert file.bytes is None or file.bytes > 0
        assert file.sha256 is None or re.fullmatch("[0-9a-f]{64}", file.sha256)
        assert file.md5 is None or re.fullmatch("[0-9a-f]{32}", file.md5)
    sums = [file.sha256 for file in entry.files]
    assert len(set(sums)) == len(sums)


@ENTRIES
def test_the_files_of_an_entry_are_the_parts_of_one_upload(entry: Published) -> None:
    assert [file.role for file in entry.files] in ([FILE], [role for role in ROLES if role != FILE])


def read(entry: Published, folder: Path, contents: dict[str, bytes]) -> Arrays:
    parts = {file.role: folder / file.name for file in entry.files}
    for role, path in parts.items():
        path.write_bytes(contents[role])
    return entry.read(parts, entry.reading, tempfile.TemporaryFile, lambda *_: None).arrays


def idx(values: np.ndarray) -> bytes:
    header = bytes([0, 0, 8, values.ndim]) + np.array(values.shape, ">u4").tobytes()
    return gzip.compress(header + values.astype(np.uint8).tobytes())


@pytest.mark.parametrize(
    ("name", "classes"),
    [("mnist", ("0", "9")), ("fashion-mnist", ("T-shirt/top", "Ankle boot")), ("kmnist", ("o", "wo"))],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_set_in_the_form_of_mnist_becomes_classes_by_name_with_a_test_part_of_its_own(
    tmp_path: Path, name: str, classes: tuple[str, str]
) -> None:
    pictures = np.arange(12 * 28 * 28).reshape(12, 28, 28) % 256
    labels = np.arange(12) % 10
    arrays = read(
        CATALOGUE[name],
        tmp_path,
        {
            "images": idx(pictures[:10]),
            "labels": idx(labels[:10]),
            "test_images": idx(pictures[10:]),
            "test_labels": idx(labels[10:]),
        },
    )
    assert (arrays.classes[0], arrays.classes[-1], len(arrays.classes)) == (*classes, 10)
    assert np.array_equal(arrays.inputs, pictures[:, None]) and np.array_equal(arrays.targets, labels)
    assert arrays.parts is not None
    assert [OWN_PARTS[part] for part in arrays.parts] == ["train"] * 10 + ["test"] * 2


def test_the_letters_become_the_classes_of_their_folders(tmp_path: Path) -> None:
    arrays = read(CATALOGUE["notmnist-small"], tmp_path, {"file": tarred(letters("ABCDEFGHIJ", each=1), "w:gz")})
    assert arrays.classes == tuple("ABCDEFGHIJ") and arrays.shape == (1, 28, 28)


def test_the_small_letters_are_first_looked_for_where_the_lecture_does() -> None:
    (archive,) = CATALOGUE["notmnist-small"].files
    assert archive.url == "http://yaroslavvb.com/upload/notMNIST/notMNIST_small.tar.gz"


def test_the_housing_table_is_the_one_that_scikit_learn_loads() -> None:
    (table,) = CATALOGUE["california-housing"].files
    assert (table.name, table.url, table.sha256) == (ARCHIVE.filename, ARCHIVE.url, ARCHIVE.checksum)


def test_what_to_do_by_hand_can_be_typed_as_it_stands() -> None:
    letters, clothes = (CATALOGUE[name].by_hand.text() for name in ("notmnist-small", "fashion-mnist"))
    assert "antigrad datasets add notmnist-small notMNIST_small.tar.gz, or: " in letters
    query = "name=notmnist-small&catalogue=notmnist-small"
    assert f"curl -F file=@notMNIST_small.tar.gz 'localhost:8000/datasets?{query}'" in letters
    assert (
        "curl -F images=@train-images-idx3-ubyte.gz -F labels=@train-labels-idx1-ubyte.gz -F test_images=@" in clothes
    )
    assert "/datasets?name=fashion-mnist&catalogue=fashion-mnist'" in clothes
