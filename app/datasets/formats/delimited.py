"""CSV and its kin: the encoding, the separator and the header are found."""

import codecs
import csv
import io
import re
from bisect import bisect_right
from collections.abc import Iterator
from itertools import accumulate, islice
from typing import IO, Any

from app.datasets.errors import ImportFailed
from app.datasets.formats.columns import MOST_COLUMNS, VALUE_LENGTH, Row
from app.datasets.formats.compressed_file import CompressedFile
from app.datasets.formats.format import Format
from app.datasets.formats.tables import OPTIONS, read_table
from app.datasets.import_options import MOST_EXAMPLES, Imported, ImportOptions, Scratch, Skipped, Tell, text_encoding
from app.messages import Message

SEPARATORS = ",;\t|"
SAMPLE, LINES = 2**16, 20  # characters, or lines, that the separator is told from
FIELD_BYTES = 2**20
MOST_LINES = 2 * MOST_EXAMPLES
ROW_LETTERS = MOST_COLUMNS * VALUE_LENGTH
MARK = "\ufeff"  # what a BOM is where an encoding is named that has none
BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
OTHER = "cp1252"  # what is not UTF-8 is taken for what Windows writes in the West
GUESSED = Message.of("encoding_guessed")


class Delimited:
    """Rows of texts under a header. Raises ImportFailed where that cannot be found.

    merged: the first and last line of a row that may be several, of which a stray quote has made one value.
    """

    def __init__(self, upload: CompressedFile, encoding: str | None) -> None:
        self.upload, self.said = upload, encoding
        self.encoding = _encoding(upload) if encoding is None else text_encoding(encoding)
        with self._open() as file:
            sample = _sample(file)
        if "\0" in sample:
            raise ImportFailed("table_is_binary")
        self.separator = _separator(sample)
        self.comma = self.separator != ","
        with self._open() as file:
            self.names = next(self._parsed(file), [])
        if not any(self.names):
            raise ImportFailed("table_empty")
        self.unread: dict[str, str] = {}
        self.merged: tuple[int, int] | None = None
        self.about: dict[str, Any] = {"encoding": self.encoding, "separator": self.separator}

    @property
    def warnings(self) -> list[Message]:
        """Warnings about guesses."""
        found = [GUESSED] if self.said is None and self.encoding == OTHER else []
        if self.merged is not None:
            first, last = self.merged
            found.append(Message.of("rows_merged", first=first, last=last))
        return found

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
                    if parsed.began < parsed.line:  # it may hold any number of rows
                        raise ImportFailed(
                            "row_over_several_lines", line=parsed.began, last=parsed.line,
                            values=len(row), several=len(row) > 1, columns=len(self.names),
                        )  # fmt: skip
                    values = "1 value" if len(row) == 1 else f"{len(row):,} values"
                    skipped.add(f"line {parsed.line}", f"has {values}, the header {len(self.names):,}")
                    continue
                if len(parsed.lines) > 2 and self.merged is None and parsed.holds_rows(len(row)):
                    self.merged = parsed.began, parsed.line
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
        self.file, self.separator, self.line, self.left = file, separator, 0, ROW_LETTERS
        self.lines: list[str] = []  # of the row
        self.reader = csv.reader(self._lines(), delimiter=separator, strict=True)  # else it ends within a quote unsaid

    def __next__(self) -> list[str]:
        self.left, self.lines = ROW_LETTERS, []
        try:
            return next(self.reader)
        except csv.Error as error:
            raise ImportFailed("line_unreadable", line=self._broken(), reason=str(error)) from error

    @property
    def began(self) -> int:
        """The line in which the row does."""
        return self.line - len(self.lines) + 1

    def holds_rows(self, columns: int) -> bool:
        """True if every line between the first and the last has this number of columns."""
        return all(line.count(self.separator) == columns - 1 for line in self.lines[1:-1])

    def _broken(self) -> int:
        """The line in which the value begins that has no end, or a wrong one: the first that is not whole."""
        end = f"{re.escape(self.separator)}\r\n"
        whole = re.compile(rf'(?:(?:"[^"]*+(?:""[^"]*+)*+"|[^"{end}][^{end}]*+|)(?:[{end}]))*+')
        found = whole.match("".join(self.lines))
        assert found is not None
        place = bisect_right(list(accumulate(map(len, self.lines))), found.end())
        return self.began + min(place, len(self.lines) - 1)

    def _lines(self) -> Iterator[str]:
        """A row has several where a quoted value does."""
        while line := self._read():
            self.line += 1
            if self.line == 1:
                line = line.removeprefix(MARK)
            self.lines.append(line)
            if self.line > MOST_LINES:
                raise ImportFailed("too_many_lines", limit=MOST_LINES)
            self.left -= len(line)
            if self.left < 0:
                raise ImportFailed("row_too_long", line=self._broken(), limit=ROW_LETTERS)
            if "\0" in line:
                raise ImportFailed("line_with_nul", line=self.line)
            yield line

    def _read(self) -> str:
        try:
            return self.file.readline(self.left + 1)
        except UnicodeError as error:
            raise ImportFailed("not_text", line=self.line, reason=str(error)) from error


def _encoding(upload: CompressedFile) -> str:
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
        raise ImportFailed("not_text", line=0, reason=str(error)) from error


def _separator(sample: str) -> str:
    """The one that parts the first lines into as many columns each; if none does, the header into the most."""

    def columns(separator: str) -> tuple[bool, int]:
        rows = csv.reader(io.StringIO(sample.removeprefix(MARK), newline=""), delimiter=separator)
        try:
            counts = [len(row) for row in islice(rows, LINES) if row]
        except csv.Error:
            return False, 0
        if len(counts) < LINES and len(sample) == SAMPLE:
            counts.pop()  # the last line is cut off
        return len(set(counts)) == 1 and counts[0] > 1, max(counts[:1], default=0)

    return max(SEPARATORS, key=columns)


def is_text(upload: CompressedFile) -> bool:
    """True if the upload is text. It may still be no table."""
    beginning = upload.beginning
    return bool(beginning.strip()) and (b"\0" not in beginning or beginning.startswith(tuple(BOMS)))


def read_delimited(upload: CompressedFile, reading: ImportOptions, scratch: Scratch, tell: Tell) -> Imported:
    """Raises ImportFailed."""
    table = Delimited(upload, reading.encoding)
    try:
        return read_table(table, reading, scratch, tell)
    except ImportFailed as error:
        if GUESSED in table.warnings:  # and so a name that was said may not be found
            raise ImportFailed("table_in_guessed_encoding", reason=error.message, guess=GUESSED) from error
        raise


DELIMITED = Format("a table", (*OPTIONS, "encoding"), is_text, read_delimited)
