"""Folders in an archive: readable files are imported, others are reported, and hostile archives do no harm."""

import gzip
import io
import itertools
import random
import stat
import struct
import tarfile
import tracemalloc
import zipfile
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pyarrow
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from app.datasets.errors import ImportFailed
from app.datasets.formats import archives, compressed_file, tar
from app.datasets.import_options import Imported
from tests.support.archives import letters, png, tarred, zipped
from tests.support.imports import imported


@pytest.fixture
def read(tmp_path: Path) -> Callable[[bytes], Imported]:
    """Import an archive with these bytes; its name has no extension."""

    return lambda data: imported(tmp_path, data)


Read = Callable[[bytes], Imported]
PACKERS: dict[str, Callable[[dict[str, bytes]], bytes]] = {
    "zip": zipped,
    "tar": tarred,
    "tar.gz": lambda files: tarred(files, "w:gz"),
    "tar.bz2": lambda files: tarred(files, "w:bz2"),
    "tar.xz": lambda files: tarred(files, "w:xz"),
    "tar.zst": lambda files: bytes(pyarrow.compress(tarred(files), "zstd", asbytes=True)),
    "gnu tar": lambda files: tarred(files, format=tarfile.GNU_FORMAT),
}
packers = pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS.keys())


def reasons(found: Imported) -> dict[str, str]:
    return {item["file"]: item["reason"] for item in found.skipped}


def pixels(data: bytes) -> np.ndarray:
    return np.asarray(Image.open(io.BytesIO(data)))


@packers
def test_the_folders_are_the_classes_however_they_are_packed(
    read: Read, pack: Callable[[dict[str, bytes]], bytes]
) -> None:
    files = letters("BAC")
    found = read(pack(files))
    assert found.arrays.classes == ("A", "B", "C")
    assert found.arrays.counts() == [3, 3, 3]
    assert found.skipped == []
    for place, name in enumerate(sorted(files)):
        assert np.array_equal(found.arrays.inputs[place, 0], pixels(files[name]))
    assert found.arrays.checksum() == read(zipped(dict(reversed(files.items())))).arrays.checksum()


@packers
def test_broken_files_are_skipped_and_listed_and_a_systems_own_are_not(
    read: Read, pack: Callable[[dict[str, bytes]], bytes]
) -> None:
    whole = letters()
    broken = {
        "notMNIST_small/A/empty.png": b"",
        "notMNIST_small/A/RGVtb2NyYXRpY2FCb2xkT2xkc3R5bGUgQm9sZC50dGY=.png": b"\0" * 500,
        "notMNIST_small/B/half.png": png(7)[:200],
        "notMNIST_small/readme.txt": b"letters",
        "notMNIST_small/A/inner.zip": zipped(letters()),
    }
    junk = {
        "__MACOSX/notMNIST_small/A/._0.png": b"x",
        "notMNIST_small/A/._0.png": b"x",
        "notMNIST_small/.DS_Store": b"x",
        "notMNIST_small/A/Thumbs.db": b"x",
    }
    found = read(pack(whole | broken | junk | {"top.png": png()}))
    assert reasons(found).keys() == broken.keys() | {"top.png"}
    assert "no folder" in reasons(found)["top.png"]
    assert all("not a readable picture" in reasons(found)[name] for name in broken)
    assert found.arrays.checksum() == read(zipped(whole)).arrays.checksum()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16", "CMYK"])
@pytest.mark.parametrize("size", [(28, 28), (56, 56), (28, 14), (3, 200)])
def test_pictures_of_any_mode_and_size_are_read(read: Read, mode: str, size: tuple[int, int]) -> None:
    gray = Image.fromarray(np.random.default_rng(0).integers(0, 256, size[::-1], dtype=np.uint8))
    sixteen_bits = Image.fromarray(np.asarray(gray).astype(np.uint16) * 257)
    picture = sixteen_bits if mode == "I;16" else gray.convert(mode)
    assert picture.mode == mode
    file = io.BytesIO()
    picture.save(file, "TIFF" if mode == "CMYK" else "PNG")
    found = read(zipped(letters("AB", 1) | {"A/x": file.getvalue()}))
    assert found.skipped == [] and found.arrays.inputs.shape == (3, 1, 28, 28)
    if size == (28, 28) and mode not in ("1", "CMYK"):
        shown = found.arrays.inputs[found.arrays.targets.tolist().index(0), 0]
        assert np.abs(shown.astype(int) - np.asarray(gray)).max() <= 1


def test_what_is_transparent_is_white(read: Read) -> None:
    file = io.BytesIO()
    Image.new("RGBA", (28, 28), (0, 0, 0, 0)).save(file, "PNG")
    assert (read(zipped({"A/0.png": file.getvalue(), "B/0.png": png()})).arrays.inputs[0] == 255).all()


HOSTILE_NAMES = {
    "../A/x.png": "..",
    "A/../../x.png": "..",
    "..\\A\\x.png": "..",
    "/etc/A/x.png": "absolute",
    "C:\\A\\x.png": "absolute",
    f"A/{'x' * 250}.png": "200",
    f"{'x' * 250}/x.png": "200",
}


@packers
@pytest.mark.parametrize("name", HOSTILE_NAMES)
def test_a_name_that_leads_elsewhere_is_skipped(
    read: Read, pack: Callable[[dict[str, bytes]], bytes], name: str
) -> None:
    found = read(pack(letters() | {name: png()}))
    (item,) = found.skipped
    assert HOSTILE_NAMES[name] in item["reason"]
    assert len(found.arrays.targets) == 9


@packers
def test_strange_names_can_be_shown(read: Read, pack: Callable[[dict[str, bytes]], bytes]) -> None:
    strange = ["Ä\u0301", "a\nb", "日本", "\u202egnp", "A\x7f", "'\";--"]
    found = read(pack({f"{name}/{number}.png": png(number) for name in strange for number in (1, 2)}))
    assert len(found.arrays.classes) == len(strange)
    assert all(label.isprintable() for label in found.arrays.classes)
    assert "\\n" in str(found.arrays.classes) and "日本" in found.arrays.classes


def test_a_name_that_is_no_utf8_can_be_stored(read: Read) -> None:
    header = tarfile.TarInfo("\udcff/x.png")
    header.size = len(png())
    entry = header.tobuf(tarfile.USTAR_FORMAT, "utf-8", "surrogateescape") + png() + b"\0" * (-len(png()) % 512)
    found = read(entry + tarred(letters()))
    assert "\\udcff" in found.arrays.classes
    "".join(found.arrays.classes).encode()


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_not_followed(read: Read, kind: bytes) -> None:
    entry = tarfile.TarInfo("A/link.png")
    entry.type, entry.linkname = kind, "/etc/passwd"
    found = read(entry.tobuf() + tarred(letters()))
    assert "link or a device" in reasons(found)["A/link.png"]
    assert len(found.arrays.targets) == 9


def test_links_in_a_zip_are_not_followed(read: Read) -> None:
    file = io.BytesIO(zipped(letters()))
    with zipfile.ZipFile(file, "a") as archive:
        info = zipfile.ZipInfo("A/link.png")
        info.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(info, "/etc/passwd")
    assert "link or a device" in reasons(read(file.getvalue()))["A/link.png"]


def test_an_encrypted_or_oddly_packed_member_is_skipped(read: Read) -> None:
    file = io.BytesIO(zipped(letters()))
    with zipfile.ZipFile(file, "a") as archive:
        archive.writestr("A/lzma.png", png(), zipfile.ZIP_LZMA)
        archive.writestr("A/locked.png", png())
    data = file.getvalue()
    at = data.rindex(b"PK\1\2") + 8
    found = reasons(read(data[:at] + struct.pack("<H", 1) + data[at + 2 :]))
    assert "encrypted" in found["A/locked.png"] and "deflate" in found["A/lzma.png"]


def test_a_member_that_is_damaged_in_its_zip_is_skipped(read: Read) -> None:
    data = bytearray(zipped(letters()))
    data[60] ^= 0xFF
    (item,) = read(bytes(data)).skipped
    assert item["file"] == "notMNIST_small/A/0.png" and "damaged" in item["reason"]


@pytest.mark.parametrize("pack", [zipped, tarred, PACKERS["tar.gz"]])
def test_an_archive_that_was_cut_off_is_refused_or_lost_nothing(
    read: Read, pack: Callable[[dict[str, bytes]], bytes]
) -> None:
    data, whole = pack(letters("AB", 2)), letters("AB", 2)
    refused = 0
    for length in {*range(0, len(data), 397), *range(0, len(data), 512), len(data) - 1}:
        try:
            assert len(read(data[:length]).arrays.targets) == len(whole)
        except ImportFailed as error:
            refused += 1
            assert str(error)
    assert refused > 10


@pytest.mark.parametrize("pack", [zipped, tarred, PACKERS["tar.gz"]], ids=["zip", "tar", "tar.gz"])
def test_a_bomb_is_counted_while_it_is_unpacked(read: Read, pack: Callable[[dict[str, bytes]], bytes]) -> None:
    bomb = pack(letters() | {f"A/{number}.bmp": b"\0" * 2**20 for number in range(256)})
    tracemalloc.start()
    with patch.object(compressed_file, "TOTAL_BYTES", 8 * 2**20), pytest.raises(ImportFailed, match="8,388,608 bytes"):
        read(bomb)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 32 * 2**20


@packers
def test_a_member_over_the_limit_is_skipped_and_held_by_no_memory(
    read: Read, pack: Callable[[dict[str, bytes]], bytes]
) -> None:
    with patch.object(archives, "MEMBER_BYTES", 10_000):
        assert "10,000 bytes" in reasons(read(pack(letters() | {"A/big.png": b"\0" * 10**6})))["A/big.png"]


@packers
def test_too_many_files_are_refused(read: Read, pack: Callable[[dict[str, bytes]], bytes]) -> None:
    with patch.object(archives, "MEMBERS", 5), pytest.raises(ImportFailed, match="over 5 files"):
        read(pack(letters()))


def test_a_zips_list_of_members_is_not_read_when_it_is_too_long(read: Read) -> None:
    with patch.object(archives, "DIRECTORY_BYTES", 100), pytest.raises(ImportFailed, match="list of members"):
        read(zipped(letters()))


def test_a_zip_that_lies_about_a_size_gets_nothing_through(read: Read) -> None:
    data = zipped(letters() | {"A/lie.bmp": b"\0" * 10**6})
    at = data.rindex(b"PK\1\2") + 24
    assert "damaged" in reasons(read(data[:at] + struct.pack("<I", 100) + data[at + 4 :]))["A/lie.bmp"]


def header(name: str, size: int, kind: bytes = tarfile.REGTYPE) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.size, entry.type = size, kind
    return entry.tobuf(tarfile.GNU_FORMAT)


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (header("A/endless.png", 2**62), "unpacked|cut off"),
        (header("x", 10**9, tarfile.GNUTYPE_LONGNAME) + b"x" * 10**6, "65,536"),
        (header("x", 10**9, tarfile.XHDTYPE) + b"x" * 10**6, "65,536"),
        (header("x", 512, tarfile.XHDTYPE) + b"0 path=x\n".ljust(512, b"\0"), "damaged"),
        (header("x", 512, tarfile.XHDTYPE) + (b"9" * 512), "damaged"),
        (header("x", 27, tarfile.XHDTYPE) + b"27 GNU.sparse.realsize=10000\n".ljust(512), "damaged|sparse"),
        (header("x", 14, tarfile.XHDTYPE) + b"14 size=-1234\n".ljust(512) + header("A/x.png", 0), "damaged"),
        (header("A/x.png", 512, tarfile.GNUTYPE_SPARSE) + b"\0" * 512, "sparse"),
        (header("A/x.png", -1), "damaged"),
    ],
)
def test_a_tar_whose_headers_lie_is_refused(read: Read, data: bytes, said: str) -> None:
    tracemalloc.start()
    with pytest.raises(ImportFailed, match=said):
        read(data + tarred(letters()))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < archives.MEMBER_BYTES + 8 * 2**20


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "format is unknown"),
        (b"hello", "not an archive.*hello.*target="),
        (png(), "format is unknown"),
        (gzip.compress(b"hello"), "not an archive"),
        (gzip.compress(b"x" * 10_000)[:30], "damaged"),
        (b"\x1f\x8b" + b"x" * 100, "damaged"),
        (b"PK\3\4" + b"x" * 100, "damaged"),
        (zipped({}), "no folder of a class has"),
        (tarred({}), "no folder of a class has"),
        (zipped(letters("A")), "only the folder 'A'"),
        (zipped({"A/x.png": b"x", "B/x.png": b"x"}), "2 files were skipped; A/x.png: this is not a readable"),
        (zipped({"a.png": png(), "b.png": png()}), "is in no folder"),
    ],
    ids=itertools.count(),  # an archive contains a time, so its bytes cannot be a test's name
)
def test_what_is_no_dataset_is_refused_with_what_would_be_right(read: Read, data: bytes, said: str) -> None:
    with pytest.raises(ImportFailed, match=said):
        read(data)


def test_a_long_list_of_skipped_files_says_how_many_more_there_are(read: Read) -> None:
    found = read(zipped(letters() | {f"A/{number}.txt": b"x" for number in range(1200)}))
    assert len(found.skipped) == 1001
    assert found.skipped[-1]["reason"] == "200 more files were skipped"


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), pack=st.sampled_from(list(PACKERS.values())), changes=st.integers(1, 20))
def test_no_damage_brings_more_than_a_refusal(
    read: Read, seed: int, pack: Callable[[dict[str, bytes]], bytes], changes: int
) -> None:
    chance = random.Random(seed)
    data = bytearray(pack(letters("AB", 2)))
    for _ in range(changes):
        data[chance.randrange(len(data))] = chance.randrange(256)
    try:
        found = read(bytes(data))
    except ImportFailed as error:
        assert str(error)
    else:
        assert len(found.arrays.inputs) == len(found.arrays.targets)


@given(
    name=st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=120),
    size=st.one_of(st.integers(0, 2**34), st.integers(0, 2**70)),
    kind=st.sampled_from([tarfile.REGTYPE, tarfile.AREGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.XHDTYPE]),
    format=st.sampled_from([tarfile.USTAR_FORMAT, tarfile.GNU_FORMAT, tarfile.PAX_FORMAT]),
)
def test_the_headers_are_those_that_tarfile_writes_and_reads(name: str, size: int, kind: bytes, format: int) -> None:
    entry = tarfile.TarInfo(name)
    entry.size, entry.type = size, kind
    try:
        blocks = entry.tobuf(format)
    except ValueError:  # the format cannot store this name
        return
    for block in (blocks[:512], blocks[-512:]):
        assert tar.begins_one(block)
        read = tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")
        assert tar._header(block) == (read.name, read.size, read.type)
