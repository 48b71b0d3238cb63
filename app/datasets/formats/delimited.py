"""CSV and its kin: the encoding, the separator and the header are found."""

import codecs
import csv
import io
from collections.abc import Iterator
from itertools import islice
from typing import IO, Any

from app.datasets.errors import ImportFailed
from app.datasets.formats.columns import MOST_COLUMNS, VALUE_LENGTH, Row
from app.datasets.formats.format import Format
from app.datasets.formats.tables import OPTIONS, read_table
from app.datasets.formats.upload import Upload
from app.datasets.reading import MOST_EXAMPLES, Imported, Reading, Scratch, Skipped, Tell

SEPARATORS = ",;\t|"
SAMPLE, LINES = 2**16, 20  # characters, or lines, that the separator is told from
FIELD_BYTES = 2**20
MOST_LINES = 2 * MOST_EXAMPLES
ROW_LETTERS = MOST_COLUMNS * VALUE_LENGTH
BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
OTHER = "cp1252"  # what is not UTF-8 is taken for what Windows writes in the West


class Delimited:
    """Rows of texts under a header. Raises ImportFailed where that cannot be found."""

    def __init__(self, upload: Upload) -> None:
        self.upload = upload
        self.encoding = _encoding(upload)
        with self._open() as file:
            sample = _sample(file)
        if "\0" in sample:
            raise ImportFailed("this is neither an archive nor a table that can be read; see the formats in the docs")
        self.separator = _separator(sample)
        self.comma = self.separator != ","
        with self._open() as file:
            self.names = next(self._parsed(file), [])
        if not any(self.names):
            raise ImportFailed("the table is empty; its first line has the columns' names")
        self.about: dict[str, Any] = {"encoding": self.encoding, "separator": self.separator}

    def rows(self, skipped: Skipped, tell: Tell) -> Iterator[Row]:
        """All but the header; a row with too few values or too many is skipped, and said to be."""
        with self._open() as file:
            parsed = self._parsed(file)
            next(parsed)
            count = 0
            for row in parsed:
                if not row:  # an empty line
                    continue
                if len(row) != len(self.names):
                    skipped.add(f"line {parsed.line}", f"has {len(row)} values, the header {len(self.names)}")
                    continue
                count += 1
                if count % 256 == 0:
                    tell(self.upload.fraction, count)
                yield tuple(row)

    def _open(self) -> IO[str]:
        return io.TextIOWrapper(self.upload.open(), self.encoding, newline="")

    def _parsed(self, file: IO[str]) -> "_Rows":
        return _Rows(file, self.separator)


class _Rows(Iterator[list[str]]):
    """The rows of a CSV file, none longer than the memory; what is wrong is said with its line."""

    def __init__(self, file: IO[str], separator: str) -> None:
        csv.field_size_limit(FIELD_BYTES)
        self.file, self.line, self.left = file, 0, ROW_LETTERS
        self.reader = csv.reader(self._lines(), delimiter=separator)

    def __next__(self) -> list[str]:
        self.left = ROW_LETTERS
        try:
            return next(self.reader)
        except csv.Error as error:
            raise ImportFailed(f"line {self.line:,} cannot be read: {error}; a quote may be open") from error

    def _lines(self) -> Iterator[str]:
        """A row has several where a quoted value does."""
        while line := self._read():
            self.line += 1
            if self.line > MOST_LINES:
                raise ImportFailed(f"the table has over {MOST_LINES:,} lines; leave some out")
            self.left -= len(line)
            if self.left < 0:
                raise ImportFailed(f"line {self.line:,}: a row of over {ROW_LETTERS:,} letters; a quote may be open")
            if "\0" in line:
                raise ImportFailed(f"line {self.line:,} holds a NUL, as no text does; save the table anew")
            yield line

    def _read(self) -> str:
        try:
            return self.file.readline(self.left + 1)
        except UnicodeError as error:
            raise ImportFailed(f"after line {self.line:,} it is no text ({error}); save it as UTF-8") from error


def _encoding(upload: Upload) -> str:
    """By the mark at the beginning, else UTF-8 if all of it is."""
    with upload.open() as file:
        beginning = file.read(4)
        for mark, encoding in BOMS.items():
            if beginning.startswith(mark):
                return encoding
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            decoder.decode(beginning)
            while piece := file.read(2**20):
                decoder.decode(piece)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return OTHER
    return "utf-8"


def _sample(file: IO[str]) -> str:
    try:
        return file.read(SAMPLE)
    except UnicodeError as error:
        raise ImportFailed(f"its beginning is no text ({error}); save it as UTF-8") from error


def _separator(sample: str) -> str:
    """The one that parts the first lines into as many columns each; if none does, the header into the most."""

    def columns(separator: str) -> tuple[bool, int]:
        rows = csv.reader(io.StringIO(sample, newline=""), delimiter=separator)
        try:
            counts = [len(row) for row in islice(rows, LINES) if row]
        except csv.Error:
            return False, 0
        if len(counts) < LINES and len(sample) == SAMPLE:
            counts.pop()  # the last line is cut off
        return len(set(counts)) == 1 and counts[0] > 1, max(counts[:1], default=0)

    return max(SEPARATORS, key=columns)


def is_text(upload: Upload) -> bool:
    """Which is not to say that it is a table."""
    beginning = upload.beginning
    return bool(beginning.strip()) and (b"\0" not in beginning or beginning.startswith(tuple(BOMS)))


def read_delimited(upload: Upload, reading: Reading, scratch: Scratch, tell: Tell) -> Imported:
    """Raises ImportFailed."""
    return read_table(Delimited(upload), reading, scratch, tell)


DELIMITED = Format("a table", OPTIONS, is_text, read_delimited)
