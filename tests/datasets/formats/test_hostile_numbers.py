"""Arrays with false headers, and compressed bombs of arrays, end in an error within a memory limit."""

import gzip
import io
import random
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from app.datasets.errors import ImportFailed
from tests.support.archives import deflated, streams, zip_of
from tests.support.imports import imported
from tests.support.measuring import Took, measured

OWN_MB = 500  # additional memory of the process
MEGABYTE = 2**20


def header(descr: str = "'|u1'", shape: str = "(6, 4)") -> str:
    return f"{{'descr': {descr}, 'fortran_order': False, 'shape': {shape}, }}\n"


def npy(header: str | bytes, body: bytes = b"", version: int = 1) -> bytes:
    """An array file in numpy's format with any header."""
    text = header if isinstance(header, bytes) else header.encode()
    return b"\x93NUMPY" + bytes([version, 0]) + struct.pack("<H" if version == 1 else "<I", len(text)) + text + body


def saved(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array)
    return file.getvalue()


def npz(**files: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(f"{name}.npy", data)
    return file.getvalue()


ROWS, LABELS = saved(np.arange(24).reshape(6, 4)), saved(np.arange(6) % 2)


@pytest.mark.parametrize("version", [1, 2, 3])
def test_each_version_of_the_header_is_read(tmp_path: Path, version: int) -> None:
    found = imported(tmp_path, npz(X=npy(header(), bytes(range(24)), version), y=LABELS))
    assert np.array_equal(found.arrays.inputs, np.arange(24).reshape(6, 4))


@pytest.mark.parametrize(
    ("array", "said"),
    [
        (npy(header(shape="(1125899906842624, 4)")), "declares the shape"),  # four petabytes
        (npy(header(shape="(17179869183, 4)")), "over 17,179,869,184 bytes"),
        (npy(header(shape="(-6, 4)"), bytes(24)), "declares the shape"),
        (npy(header(shape="(-6, -4)"), bytes(24)), "declares the shape"),
        (npy(header(shape="(0, 1000000000000)")), "declares the shape"),
        (npy(header(shape=f"({'1,' * 100})"), bytes(1)), "declares the shape"),
        (npy(header(shape="(6, 0)")), "has 0 columns"),
        (npy(header(shape="(0, 4)")), r"the shape \(0, 4\)"),
        (npy(header(shape="(6, 30000)"), bytes(180_000)), "has 30,000 columns"),
        (npy(header(shape="('6', 4)"), bytes(24)), "shape is not valid"),
        (npy(header(), bytes(20)), "lacks 4 bytes"),
        (npy("__import__('os').system('touch here')"), "cannot be read"),
        (npy("{'descr': (lambda: '|u1')(), 'fortran_order': False, 'shape': (6, 4)}"), "cannot be read"),
        (npy("(" * 9000), "cannot be read"),
        (npy("-" * 9000 + "1"), "cannot be read"),
        (npy("{" + " " * 20_000 + "}"), "over 10,000 bytes"),
        (npy("{" + " " * 10**6 + "}", version=2), "over 10,000 bytes"),
        (npy("{1: 2, 'a': 3, None: 4}"), "cannot be read"),
        (npy("{[]: 1}"), "cannot be read"),
        (npy(b"\xff\xfe\0", version=3), "cannot be read"),
        (npy(header(), version=9), "lacks 24 bytes"),
        (npy(header("'|O'")), "Python objects, which are never loaded"),
        (npy(header("'<U0'", "(6,)")), "type <U0"),
        (npy(header("'<U500000000'", "(6,)")), "type <U500000000"),
        (npy(header("[('a', '<f4'), ('b', '|O')]")), "Python objects, which are never loaded"),
        (npy(header("('<f4', (2, 2))")), "numbers and short texts"),
        (npy(header("('<f4', -1)")), "cannot be read"),
        (npy(header("'<U4294967295'")), "cannot be read"),
        (b"\x93NUM", "cannot be read"),
        (b"", "cannot be read"),
    ],
    ids=range(30),
)
def test_a_header_that_lies_is_refused(tmp_path: Path, array: bytes, said: str) -> None:
    with pytest.raises(ImportFailed, match=said):
        imported(tmp_path, npz(X=array, y=LABELS))


@pytest.mark.parametrize("number", [0x110000, 0xFFFFFFFF])
def test_a_text_of_what_is_no_letter_is_refused(tmp_path: Path, number: int) -> None:
    texts = npy(header("'<U1'", "(6,)"), struct.pack("<6I", number, 1, 2, 3, 4, 5))
    for names in ({"y": texts}, {"y": LABELS, "classes": texts}):
        with pytest.raises(ImportFailed, match="a text in it is damaged"):
            imported(tmp_path, npz(X=ROWS, **names))


def test_half_a_letter_and_what_cannot_be_printed_are_named_as_they_can_be_stored(tmp_path: Path) -> None:
    texts = npy(header("'<U1'", "(6,)"), struct.pack("<6I", 0xD800, 0xD800, 0x1B, 0x1B, 0x61, 0x61))
    assert imported(tmp_path, npz(X=ROWS, y=texts)).arrays.classes == ("\\x1b", "a", "\\ud800")


def test_targets_without_an_end_are_no_classes(tmp_path: Path) -> None:
    endless = saved(np.array([0, 1, np.inf, 0, 1, 0]))
    with pytest.raises(ImportFailed, match="not whole numbers"):
        imported(tmp_path, npz(X=ROWS, y=endless), task="classification")


def test_a_damaged_npz_says_so_and_no_more(tmp_path: Path) -> None:
    whole = npz(X=ROWS, y=LABELS, feature_names=saved(np.array(list("abcd"))))
    for seed in range(500):
        chance, data = random.Random(seed), bytearray(whole)
        for _ in range(chance.choice([1, 2, 5, 20])):
            data[chance.randrange(len(data))] = chance.choice([0, 127, 255, chance.randrange(256)])
        try:
            found = imported(tmp_path, bytes(data)).arrays
        except ImportFailed as error:
            assert str(error)
        else:
            assert len(found.inputs) == len(found.targets)


def bounded(folder: Path, parts: dict[str, bytes], total: int = 2**40) -> Took:
    """Import these files, and check the memory limit."""
    paths = {role: folder / role for role in parts}
    for role, data in parts.items():
        paths[role].write_bytes(data)
    took = measured(paths, total)
    assert took.own < OWN_MB
    return took


def zeros(name: str, head: bytes, gigabytes: int) -> bytes:
    """An .npz with one array: its header, and gigabytes of zeros."""
    return zip_of([f"{name}.npy"], deflated(head, 1)[:-2] + deflated(bytes(MEGABYTE), 1024 * gigabytes), 2**32)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (zeros("X", npy(header(shape="(100_000_000_000,)")), 100), "declares the shape"),
        (zeros("X", npy(header(shape="(50_000_000, 1000)")), 100), "over 17,179,869,184 bytes"),
        (zeros("X", b"\x93NUMPY\2\0" + struct.pack("<I", 2**32 - 1), 4), "over 10,000 bytes"),
        (zeros("X", b"", 4), "cannot be read"),
    ],
    ids=["a side too long", "too much", "a header of gigabytes", "no header"],
)
def test_a_bomb_of_an_array_is_refused_by_its_header(tmp_path: Path, data: bytes, said: str) -> None:
    took = bounded(tmp_path, {"file": data}, total=16 * 2**30)
    assert took.failed is not None and said in took.failed and took.own < 100


@pytest.mark.long
def test_arrays_that_unpack_to_more_than_the_memory_stay_on_the_disk(tmp_path: Path) -> None:
    """Gray pictures of 300 MB, and a table with more than ten million examples."""
    count = 400_000
    pictures = npz(X=npy(header(shape=f"({count}, 28, 28)"), bytes(count * 784)), y=saved(np.arange(count) % 2))
    took = bounded(tmp_path, {"file": pictures})
    assert took.examples == count
    many = npz(X=npy(header(shape="(20000000, 1)"), bytes(20_000_000)), y=saved(np.zeros(20_000_000, np.uint8)))
    took = bounded(tmp_path, {"file": many})
    assert took.failed is not None and "20,000,000 examples; at most 10,000,000" in took.failed


def test_a_list_of_names_that_does_not_end_is_not_taken_apart(tmp_path: Path) -> None:
    names = npy(header("'<U1'", "(50000000,)"), bytes(200_000_000))
    took = bounded(tmp_path, {"file": npz(X=ROWS, y=LABELS, classes=names)})
    assert took.failed is not None and "classes holds 50,000,000 names" in took.failed


def test_a_bomb_of_pictures_or_labels_is_counted_while_it_is_unpacked(tmp_path: Path) -> None:
    endless = (bytes(16 * MEGABYTE), 40)
    pictures = streams("gz", (b"\0\0\x08\3" + struct.pack(">3I", 2**32 - 1, 224, 224), 1), endless)
    labels = streams("gz", (b"\0\0\x08\1" + struct.pack(">I", 2**32 - 1), 1), endless)
    few = b"\0\0\x08\3" + struct.pack(">3I", 1, 28, 28) + bytes(784)
    took = bounded(tmp_path, {"images": pictures, "labels": labels}, total=512 * MEGABYTE)
    assert took.failed is not None and "over 536,870,912 bytes" in took.failed
    took = bounded(tmp_path, {"images": few, "labels": labels}, total=512 * MEGABYTE)
    assert took.failed is not None and "declares 4,294,967,295 labels; at most 10,000,000" in took.failed


def test_a_damaged_idx_pair_says_so_and_no_more(tmp_path: Path) -> None:
    pictures = b"\0\0\x08\3" + struct.pack(">3I", 6, 5, 4) + bytes(range(120))
    labels = b"\0\0\x08\1" + struct.pack(">I", 6) + bytes([0, 1] * 3)
    for seed in range(500):
        chance = random.Random(seed)
        pair = {"images": pictures, "labels": labels}
        for role, data in pair.items():
            broken = bytearray(data if seed % 2 else gzip.compress(data))
            for _ in range(chance.choice([0, 1, 2, 5])):
                broken[chance.randrange(len(broken))] = chance.choice([0, 127, 255, chance.randrange(256)])
            pair[role] = bytes(broken[: chance.choice([len(broken), chance.randrange(1, len(broken))])])
        try:
            found = imported(tmp_path, pair).arrays
        except ImportFailed as error:
            assert str(error)
        else:
            assert len(found.inputs) == len(found.targets)
