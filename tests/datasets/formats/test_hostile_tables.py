"""Hostile tables, CSV or Parquet, end in an error within a memory limit."""

import gzip
import io
import json
import random
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from app.datasets.errors import ImportFailed
from app.datasets.formats import delimited, survey
from tests.support.archives import streams
from tests.support.imports import imported
from tests.support.measuring import TOTAL_BYTES, Took, measured

OWN_MB, LIMIT_MB = 500, 1024  # additional memory of the process; LIMIT_MB if a single value is that large
MEGABYTE = 2**20
HEAD = b"x,price\n1,2\n2,3\n"


def bounded(folder: Path, data: bytes, total: int = TOTAL_BYTES, own: int = OWN_MB, **reading: Any) -> Took:
    """Import a table, and check the memory limit."""
    path = folder / "upload"
    path.write_bytes(data)
    took = measured(path, total, target="price", **reading)
    assert took.own < own
    return took


# The beginning of a file, the endless rest, and part of the message.
ENDLESS = {
    "one line of commas": (HEAD, b",", "characters"),
    "one line of a number": (HEAD, b"1", "characters"),
    "a header without an end": (b"x,price", b",column", "characters"),
    "quotes": (HEAD, b'"', "characters"),
    "a row of quoted lines": (HEAD, b'"\n",', "characters"),
    "a quote that is never closed": (HEAD + b'"', b"a\n", "quote"),
}
MANY = {"empty lines": (HEAD, b"\n", "20,000,000 lines"), "rows": (HEAD, b"1,2\n", "10,000,000 rows")}


@pytest.mark.parametrize("name", ENDLESS)
def test_what_has_no_end_is_refused_before_it_fills_the_memory(tmp_path: Path, name: str) -> None:
    head, piece, said = ENDLESS[name]
    pieces = piece * (16 * MEGABYTE // len(piece))
    took = bounded(tmp_path, streams("gz", (head, 1), (pieces, 8)))
    assert took.failed is not None and said in took.failed


@pytest.mark.parametrize("encoding", ["cp1251", "utf-16-le", "gb18030"])
def test_what_has_no_end_is_refused_in_an_encoding_that_is_said(tmp_path: Path, encoding: str) -> None:
    head, piece, said = (
        text.decode() if isinstance(text, bytes) else text for text in ENDLESS["a row of quoted lines"]
    )
    pieces = (piece * (4 * MEGABYTE // len(piece))).encode(encoding)
    took = bounded(tmp_path, streams("gz", (head.encode(encoding), 1), (pieces, 8)), encoding=encoding)
    assert took.failed is not None and said in took.failed


def test_lines_and_rows_are_counted(tmp_path: Path) -> None:
    table = HEAD + b"\n" * 10 + b"3,4\n" * 10  # 23 lines, 12 rows
    for limit, at, least in (("MOST_LINES", delimited, 23), ("MOST_EXAMPLES", survey, 12)):
        with patch.object(at, limit, least):
            assert len(imported(tmp_path, table, target="price").arrays.targets) == 12
        with patch.object(at, limit, least - 1), pytest.raises(ImportFailed, match=f"over {least - 1} (lines|rows)"):
            imported(tmp_path, table, target="price")


@pytest.mark.long
@pytest.mark.parametrize("name", ENDLESS | MANY)
def test_ten_gigabytes_without_an_end_are_refused_before_they_fill_the_memory(tmp_path: Path, name: str) -> None:
    head, piece, said = (ENDLESS | MANY)[name]
    pieces = piece * (64 * MEGABYTE // len(piece))
    took = bounded(tmp_path, streams("zst", (head, 1), (pieces, 160)))  # the fastest to unpack
    assert took.failed is not None and said in took.failed


def test_a_table_that_unpacks_to_too_much_is_counted_while_it_is_unpacked(tmp_path: Path) -> None:
    rows = b"1,2\n" * (4 * MEGABYTE)
    took = bounded(tmp_path, streams("zst", (HEAD, 1), (rows, 20)), total=256 * MEGABYTE)
    assert took.failed is not None and "over 268,435,456 bytes" in took.failed


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (",".join(f"x{number}" for number in range(10**6)).encode() + b",price\n", "characters"),
        (",".join(f"x{number}" for number in range(10**5)).encode() + b",price\n", "100,001 columns"),
        (b"price" + b",x" * 19_999 + b"\n", "two columns are called 'x'"),
        (b"price" + b"," * 10**6 + b"\n", "1,000,001 columns"),
        (b'"' * 1000, "the column 'price', which does not exist"),
        (b'"' * 100_001, "line 1 cannot be read"),
        (b"x,price" + b"," * 1000, "two columns are called ''"),
        (b"\0" * 1000, "a table must be sent by itself"),  # an empty tar
        (HEAD + b"\0", "format is unknown"),
        (HEAD + b"1,2\n" * 20_000 + b"1,\0\n", "line 20,004 contains a NUL"),
        (b"x\0,price\n1,2\n", "format is unknown"),
        (HEAD + b"\x81", "is not text"),
        (HEAD + b"1,2\n" * 20_000 + b"\xff\x81\n", "is not text"),
        (HEAD.decode().encode("utf-16")[:-1], "is not text"),
        (b"\xff\xfe" + b"\0\xd8" * 1000, "is not text"),
        (b"\xef\xbb\xbf" + HEAD + b"\xff", "is not text"),
    ],
    ids=range(16),
)
def test_a_table_that_is_none_is_refused(tmp_path: Path, data: bytes, said: str) -> None:
    with pytest.raises(ImportFailed) as error:
        imported(tmp_path, data, target="price")
    assert said in str(error.value) and len(str(error.value)) < 6000


def test_without_a_target_only_the_beginning_of_its_columns_is_shown(tmp_path: Path) -> None:
    for data in (",".join(f"x{number}" for number in range(1000)).encode(), b",".join([b"x" * 10_000] * 50)):
        with pytest.raises(ImportFailed, match="target=") as error:
            imported(tmp_path, data + b"\n1\n")
        assert len(str(error.value)) < 6000


def test_categories_that_would_become_too_many_columns_are_refused(tmp_path: Path) -> None:
    names = ",".join(f"x{number}" for number in range(10_000))
    rows = "".join(",".join([f"{row:0100}a"] * 10_000) + f",{row}\n" for row in range(10))
    took = bounded(tmp_path, gzip.compress(f"{names},price\n{rows}".encode(), 1))
    assert took.failed is not None and "100,000 columns, one for each value of a category, and 10 rows" in took.failed


def test_damaged_csv_says_so_and_no_more(tmp_path: Path) -> None:
    text = "x,kind,price\n" + "".join(f'{row},"{"ab"[row % 2]}, é",{row / 3}\n' for row in range(40))
    encoded = [text.encode(), gzip.compress(text.encode()), *(text.encode(code) for code in ("utf-16", "cp1252"))]
    for seed in range(1000):
        chance = random.Random(seed)
        data = bytearray(chance.choice(encoded))
        for _ in range(chance.choice([1, 2, 5, 20])):
            data[chance.randrange(len(data))] = chance.choice([0, 10, 13, 34, 44, 0xD8, 255, chance.randrange(256)])
        encoding = chance.choice([None, None, "utf-8", "utf-16-le", "cp1252", "shift_jis", "iso2022_jp", "utf-32"])
        tell_and_no_more(tmp_path, bytes(data), encoding=encoding)


def tell_and_no_more(folder: Path, data: bytes, **reading: Any) -> str:
    """Import a damaged file; only ImportFailed is allowed."""
    try:
        found = imported(folder, data, target="price", **reading).arrays
    except ImportFailed as error:
        assert str(error)
        return "refused"
    assert len(found.inputs) == len(found.targets)
    return "read"


def written(table: pa.Table, **how: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(table, file, **how)
    return file.getvalue()


ROWS = {
    "x": [None if row % 7 == 0 else row for row in range(300)],
    "kind": ["flat", "house", "é"] * 100,
    "list": [[1, 2]] * 300,
    "price": [row / 3 for row in range(300)],
}
PLAIN = {"compression": "NONE", "use_dictionary": False}
HOW: list[dict[str, Any]] = [
    {},
    PLAIN,
    {"compression": "zstd", "data_page_version": "2.0"},
    {"compression": "gzip", "row_group_size": 50},
    PLAIN | {"column_encoding": {"x": "DELTA_BINARY_PACKED", "kind": "DELTA_BYTE_ARRAY"}},
]


def mutated(seed: int, files: list[bytes]) -> bytes:
    """Change bytes anywhere, or in the footer, which has the positions of all data."""
    chance = random.Random(seed)
    data = bytearray(chance.choice(files))
    for _ in range(chance.choice([1, 1, 2, 4, 20])):
        at = chance.choice([chance.randrange(len(data)), len(data) - 1 - chance.randrange(min(len(data), 1500))])
        data[at] = chance.choice([0, 127, 128, 255, chance.randrange(256), data[at] ^ 1 << chance.randrange(8)])
    return bytes(data)


def read_mutated(count: int) -> None:
    """Print the numbers of damaged files that were refused and that could be read."""
    files = [written(pa.table(ROWS), **how) for how in HOW]
    with tempfile.TemporaryDirectory() as folder:
        came = Counter(tell_and_no_more(Path(folder), mutated(seed, files)) for seed in range(count))
    json.dump(came, sys.stdout)


def test_mutated_parquet_says_so_and_no_more() -> None:
    """Runs in a separate process like an import: a bug in Arrow, which is C++, could crash it."""
    code = "from tests.datasets.formats.test_hostile_tables import read_mutated; read_mutated(1000)"
    came = json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout)
    assert came["refused"] > 200 and came["read"] > 50 and sum(came.values()) == 1000


@pytest.mark.parametrize("length", [4, 8, 12, 100, 1000])
def test_a_parquet_file_without_its_footer_is_refused(tmp_path: Path, length: int) -> None:
    data = written(pa.table(ROWS))
    for broken in (data[:length], data[:-length], data[:-length] + b"\xff" * length, b"PAR1" + data[-length:]):
        with pytest.raises(ImportFailed, match="damaged or cut off"):
            imported(tmp_path, broken, target="price")


def test_a_parquet_file_of_what_repeats_is_counted_before_it_is_read(tmp_path: Path) -> None:
    rows = pa.table({"x": pa.array([0]), "price": pa.array([1])})
    many = pa.concat_tables([rows.take(pa.array([0] * 1_000_001))] * 10)
    took = bounded(tmp_path, written(many))
    assert took.failed is not None and "over 10,000,000 rows" in took.failed
    wide = pa.table({f"x{number}": [0.5] for number in range(20_001)})
    took = bounded(tmp_path, written(wide))
    assert took.failed is not None and "20,001 columns" in took.failed


def test_a_value_that_is_larger_than_the_memory_is_refused(tmp_path: Path) -> None:
    """A repeated megabyte is stored once and unpacked a thousand times."""
    text = pa.array(["x" * MEGABYTE]).dictionary_encode().take(pa.array([0] * 2000))
    took = bounded(tmp_path, written(pa.table({"text": text, "price": list(range(2000))})), own=LIMIT_MB)
    assert took.failed is not None and "takes over 1,024 MB of memory" in took.failed
