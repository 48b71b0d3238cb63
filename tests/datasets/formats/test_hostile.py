"""Hostile archives end in an error or a list of skipped files, within a memory limit. Each import runs in a separate
process (see `measuring`), and must not write any file."""

import io
import lzma
import random
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.datasets.errors import ImportFailed
from app.datasets.formats import archives
from app.datasets.formats.archives import DIRECTORY_BYTES, MEMBER_BYTES, MEMBERS, ZIP_MEMBERS
from app.datasets.formats.compressed_file import TOTAL_BYTES
from tests.support.archives import COMPRESSED, deflated, letters, png, streams, tarred, zip_of, zipped
from tests.support.imports import imported
from tests.support.measuring import Took, measured

OWN_MB, DECODER_MB = 500, 250  # additional memory of the importing process, and memory of a decoder
MEGABYTE = 2**20


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "upload"


def bounded(path: Path, data: bytes, total: int = TOTAL_BYTES) -> Took:
    """Import an archive, and check the memory limit."""
    path.write_bytes(data)
    took = measured(path, total)
    assert took.own < OWN_MB and took.decoder < DECODER_MB
    return took


def test_what_every_format_needs_it_gets_within_the_bound(path: Path) -> None:
    for pack in COMPRESSED:
        assert bounded(path, COMPRESSED[pack](tarred(letters()))).examples == 9
    pq.write_table(pa.table({"rooms": [1, 2, 3], "price": [1.0, 2.0, 3.0]}), path)
    assert measured(path, target="price").examples == 3


def tar_header(name: str, size: int = 0) -> bytes:
    entry = tarfile.TarInfo(name)
    entry.size = size
    return entry.tobuf(tarfile.GNU_FORMAT)


BOMB = bytes(16 * MEGABYTE)
BOMBS: dict[str, Callable[[str, int], bytes]] = {
    "flat": lambda pack, times: streams(pack, (BOMB, times)),
    "one file": lambda pack, times: streams(pack, (tar_header("A/0.bmp", 2**33 - 512), 1), (BOMB, times)),
    "many files": lambda pack, times: streams(pack, (tar_header("A/0.bmp", len(BOMB)) + BOMB, times)),
}


@pytest.mark.parametrize("pack", COMPRESSED)
@pytest.mark.parametrize("bomb", BOMBS)
def test_zeros_without_end_are_counted_and_held_by_no_memory(path: Path, pack: str, bomb: str) -> None:
    took = bounded(path, BOMBS[bomb](pack, 5), total=64 * MEGABYTE)
    assert took.failed is not None and "over 67,108,864 bytes" in took.failed


@pytest.mark.long
def test_seventeen_gigabytes_of_zeros_are_too_much(path: Path) -> None:
    took = bounded(path, BOMBS["flat"]("zst", 17 * 64))  # the fastest to unpack
    assert took.failed is not None and f"over {TOTAL_BYTES:,} bytes" in took.failed


def test_a_zip_of_one_file_that_unpacks_to_ten_gigabytes_costs_that_file(path: Path) -> None:
    took = bounded(path, zip_of(["A/0.bmp"], deflated(bytes(MEGABYTE), 10_000), 2**32 - 2))
    assert took.failed is not None and f"A/0.bmp: is over {MEMBER_BYTES:,} bytes" in took.failed


@pytest.mark.long
def test_files_as_large_as_they_may_be_are_held_one_at_a_time(path: Path) -> None:
    whole = letters("AB", 2)
    took = bounded(path, zipped(whole | {f"A/{number}.bmp": bytes(60 * MEGABYTE) for number in range(8)}))
    assert took.examples == len(whole) and len(took.skipped) == 8


def test_archives_in_archives_are_not_opened(path: Path) -> None:
    inner = bytes(10 * MEGABYTE)
    for level in range(5):
        inner = zipped({f"{level}/{number}.zip": inner for number in range(10)})
    took = bounded(path, zipped(letters() | {"A/42.zip": inner, "A/42.tar.gz": tarred(letters(), "w:gz")}))
    assert took.examples == 9 and [item["file"] for item in took.skipped] == ["A/42.tar.gz", "A/42.zip"]


def test_a_dictionary_of_gigabytes_is_not_made(path: Path) -> None:
    """The headers of xz and zstd declare the memory for unpacking."""
    xz = bytearray(lzma.compress(tarred(letters())))
    assert xz[14] == 0x21 and xz[15] == 1  # LZMA2, with one byte of properties
    xz[16] = 40  # 4 GB
    length = 4 * (xz[12] + 1)
    xz[12 + length - 4 : 12 + length] = struct.pack("<I", zlib.crc32(xz[12 : 12 + length - 4]))
    took = bounded(path, bytes(xz))
    assert took.failed is not None and "takes over 1,024 MB of memory" in took.failed
    took = bounded(path, b"\x28\xb5\x2f\xfd\0" + bytes([21 << 3]) + b"\x09\0\0x")  # a 2 GB window, one byte in it
    assert took.failed is not None and "damaged" in took.failed


@pytest.mark.long
def test_a_zip_of_a_million_empty_files_is_refused_before_its_list_is_taken_apart(path: Path) -> None:
    took = bounded(path, zip_of(f"A/{number}.png" for number in range(MEMBERS)))
    assert took.failed is not None and f"over {ZIP_MEMBERS:,} entries; pack it as .tar.gz" in took.failed
    took = bounded(path, zip_of(f"A/{number:0200}.png" for number in range(DIRECTORY_BYTES // 200)))
    assert took.failed is not None and f"over {DIRECTORY_BYTES:,} bytes" in took.failed


@pytest.mark.long
def test_a_zip_of_half_a_million_empty_files_is_read_to_its_end(path: Path) -> None:
    took = bounded(path, zip_of(f"A/{number:040}.png" for number in range(ZIP_MEMBERS)))
    assert took.failed is not None and f"{ZIP_MEMBERS:,} files were skipped" in took.failed


@pytest.mark.parametrize(
    "data",
    [
        zip_of(["A/0.png"] * 3, deflated(BOMB, 1), len(BOMB), apart=0),
        zip_of([f"{number}.npy" for number in range(3)], deflated(BOMB, 1), len(BOMB), apart=0),
        zip_of([f"A/{number}.png" for number in range(3)], deflated(BOMB, 1), len(BOMB), apart=40),
        zip_of(["A/0.png", "A/1.png"], apart=31),
    ],
    ids=["one member in all", "arrays", "each quotes the next", "by a byte"],
)
def test_members_that_share_bytes_are_refused_before_one_is_unpacked(tmp_path: Path, data: bytes) -> None:
    with (
        patch.object(zipfile.ZipFile, "open", side_effect=AssertionError("a member was opened")),
        pytest.raises(ImportFailed, match="two entries of the zip share bytes"),
    ):
        imported(tmp_path, data)


def test_a_member_that_reaches_into_the_list_is_refused(tmp_path: Path) -> None:
    data = bytearray(zip_of(["A/0.png"]))
    listed = data.index(b"PK\1\2")
    struct.pack_into("<I", data, listed + 20, listed - 30 + 1)
    with pytest.raises(ImportFailed, match="two entries of the zip share bytes"):
        imported(tmp_path, bytes(data))


def test_the_list_of_a_zip_may_have_any_order(tmp_path: Path) -> None:
    data, whole = zipped(letters()), letters()
    members, *entries = data[: data.index(b"PK\5\6")].split(b"PK\1\2")
    end = data[data.index(b"PK\5\6") :]
    turned = b"PK\1\2".join([members, *reversed(entries)]) + end
    assert turned != data and len(imported(tmp_path, turned).arrays.targets) == len(whole)


class Unseekable(io.BytesIO):
    """A file whose end alone can be written: the length of a member comes after its data."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_: object) -> int:
        raise io.UnsupportedOperation


def test_what_usual_tools_pack_shares_no_bytes(tmp_path: Path) -> None:
    stream, whole = Unseekable(), letters("AB", 2)
    with zipfile.ZipFile(stream, "w") as archive:
        archive.writestr("A/", b"")
        for name, data in whole.items():
            archive.writestr(name, data)
        archive.writestr("B/0.txt", b"")
    assert len(imported(tmp_path, stream.getvalue()).arrays.targets) == len(whole)


def test_the_files_of_a_tar_are_counted(tmp_path: Path) -> None:
    empty = tar_header("A/0.png")
    with patch.object(archives, "MEMBERS", 2000):
        with pytest.raises(ImportFailed, match="2,000 files were skipped"):
            imported(tmp_path, streams("gz", (empty, 2000), (bytes(1024), 1)))
        with pytest.raises(ImportFailed, match="over 2,000 files"):
            imported(tmp_path, streams("gz", (empty, 2001)))


@pytest.mark.long
def test_a_tar_of_over_a_million_empty_files_is_read_to_the_millionth(path: Path) -> None:
    empty = (tar_header("A/0.png") * 2000, MEMBERS // 2000)
    took = bounded(path, streams("gz", empty, (tar_header("A/0.png"), 1)))
    assert took.failed is not None and f"over {MEMBERS:,} files" in took.failed


def test_a_path_that_would_take_a_second_to_bring_to_one_form_is_refused(tmp_path: Path) -> None:
    """Unicode normalisation sorts combining marks on one letter in quadratic time."""
    marks = "A/" + "\u0316\u0301" * 15_000 + "/x.png"
    found = imported(
        tmp_path, tarred(letters() | {marks: png(), f"{'A/' * 3000}x.png": png()}, format=tarfile.GNU_FORMAT)
    )
    assert [item["reason"] for item in found.skipped] == ["has a path of over 4,096 characters"] * 2


def test_names_that_differ_are_other_files_and_names_that_look_alike_in_unicode_are_one(tmp_path: Path) -> None:
    whole = {"k/0.png": png(0), "K/0.png": png(1), "K/0.PNG": png(2), "é/0.png": png(3)}
    same = {"\u212a/0.png": png(4), unicodedata.normalize("NFD", "é/0.png"): png(5)}  # Kelvin's K, an accent apart
    found = imported(tmp_path, zipped(whole | same))
    assert found.arrays.classes == ("K", "k", "é") and found.arrays.counts() == [2, 1, 1]
    assert [item["reason"] for item in found.skipped] == ["occurs in the archive again; only the first one is read"] * 2


def test_what_is_packed_under_hostile_names_comes_to_no_disk(path: Path) -> None:
    names = ["../A/x.png", "/tmp/x.png", "A/../../x.png", "C:\\A\\x.png", "A/\0/x.png", "~/x.png", "$HOME/x.png"]
    for data in (
        zipped(letters() | {name: png() for name in names}),
        tarred(letters() | {name: png() for name in names}),
    ):
        assert bounded(path, data).examples >= 9  # and `measured` checks that nothing was written


def noise(size: int) -> dict[str, bytes]:
    """Letters among incompressible files, `size` bytes in total."""
    chance = random.Random(0)
    return letters("AB", 2) | {f"A/{number}.txt": chance.randbytes(1000) for number in range(size // 1000)}


@pytest.mark.parametrize("pack", [zipped, tarred, lambda files: tarred(files, "w:gz")], ids=["zip", "tar", "tar.gz"])
def test_an_archive_that_ends_anywhere_before_its_end_is_refused(
    tmp_path: Path, pack: Callable[[dict[str, bytes]], bytes]
) -> None:
    data = pack(noise(200_000))
    for length in range(0, len(data) - 10_240, 1000):  # a tar may lack the zeros that fill its last record
        with pytest.raises(ImportFailed, match=r"damaged|cut off|format is unknown"):
            imported(tmp_path, data[:length])


# Positions of the numbers in an entry of the list (sizes, lengths, offset) and in its end (counts, size, offset).
FIELDS = {"list": (b"PK\1\2", "20I 24I 28H 30H 32H 42I"), "end": (b"PK\5\6", "8H 10H 12I 16I 20H")}


@pytest.mark.parametrize("value", [0, 1, 0x7FFF, 0xFFFFFFFF])
@pytest.mark.parametrize(
    ("record", "field"), [(name, at) for name, (_, at_all) in FIELDS.items() for at in at_all.split()]
)
def test_a_zip_whose_numbers_lie_gets_nothing_wrong_through(
    tmp_path: Path, record: str, field: str, value: int
) -> None:
    files = letters("AB", 2)
    data = bytearray(zipped(files))
    at, kind = data.index(FIELDS[record][0]) + int(field[:-1]), field[-1]
    struct.pack_into(f"<{kind}", data, at, value & (0xFFFF if kind == "H" else 0xFFFFFFFF))
    try:
        found = imported(tmp_path, bytes(data))
    except ImportFailed as error:
        assert str(error)
    else:
        assert len(found.arrays.targets) + len(found.skipped) == len(files)


def test_a_zip_that_stores_what_it_says_is_packed_is_skipped_file_by_file(tmp_path: Path) -> None:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("A/0.png", png())
        archive.writestr("B/0.png", png(1))
        archive.writestr("B/1.png", png(2))
    data = bytearray(file.getvalue())
    data[data.index(b"PK\1\2") + 10] = zipfile.ZIP_DEFLATED
    with pytest.raises(ImportFailed, match=r"A/0\.png: is damaged in the archive"):
        imported(tmp_path, bytes(data))
