"""Delimited text such as CSV. Encoding and separator are detected; the first row is the header."""

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
SAMPLE, LINES = 2**16, 20  # characters and lines from which the separator is detected
FIELD_BYTES = 2**20
MOST_LINES = 2 * MOST_EXAMPLES
ROW_LETTERS = MOST_COLUMNS * VALUE_LENGTH
MARK = "\ufeff"  # a byte order mark, as a chosen encoding may leave it in the text
BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
OTHER = "cp1252"  # for bytes that are not UTF-8: usual on Windows in Western countries
GUESSED = Message.of("encoding_guessed")


class Delimited:
    """Rows of texts under a header. Raises ImportFailed if there is none.

    merged: first and last line of a row that may be several rows, joined into one value by a stray quote.
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
        """Warnings about a guessed encoding and about merged rows."""
        messages = [GUESSED] if self.said is None and self.encoding == OTHER else []
        if self.merged is not None:
            first, last = self.merged
            messages.append(Message.of("rows_merged", first=first, last=last))
        return messages

    def rows(self, skipped: Skipped, tell: Tell) -> Iterator[Row]:
        """Rows after the header. A row with too few or too many values is recorded in `skipped`."""
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
                    skipped.add(f"line {parsed.line}", f"has {values}, but the header has {len(self.names):,}")
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
    """Rows of a CSV file, of limited length. Errors name the line."""

    def __init__(self, file: IO[str], separator: str) -> None:
        csv.field_size_limit(FIELD_BYTES)
        self.file, self.separator, self.line, self.left = file, separator, 0, ROW_LETTERS
        self.lines: list[str] = []  # of the current row
        # Strict: otherwise an open quote at the end of the file is no error.
        self.reader = csv.reader(self._lines(), delimiter=separator, strict=True)

    def __next__(self) -> list[str]:
        self.left, self.lines = ROW_LETTERS, []
        try:
            return next(self.reader)
        except csv.Error as error:
            raise ImportFailed("line_unreadable", line=self._broken(), reason=str(error)) from error

    @property
    def began(self) -> int:
        """Number of the line in which the row begins."""
        return self.line - len(self.lines) + 1

    def holds_rows(self, columns: int) -> bool:
        """True if every line between the first and the last has this number of columns."""
        return all(line.count(self.separator) == columns - 1 for line in self.lines[1:-1])

    def _broken(self) -> int:
        """Line in which the first value begins that is not complete, such as one whose quote is never closed."""
        end = f"{re.escape(self.separator)}\r\n"
        whole = re.compile(rf'(?:(?:"[^"]*+(?:""[^"]*+)*+"|[^"{end}][^{end}]*+|)(?:[{end}]))*+')
        matched = whole.match("".join(self.lines))
        assert matched is not None
        place = bisect_right(list(accumulate(map(len, self.lines))), matched.end())
        return self.began + min(place, len(self.lines) - 1)

    def _lines(self) -> Iterator[str]:
        """Lines of the file. A row has several if one of its quoted values has."""
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
    """Encoding by the byte order mark. Without one, UTF-8 if the whole file is valid, or else Windows-1252."""
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
    """Separator that splits the first lines into equally many columns; if none does, the header into the most."""

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
    """True if the upload is text, which may still not be a table."""
    beginning = upload.beginning
    return bool(beginning.strip()) and (b"\0" not in beginning or beginning.startswith(tuple(BOMS)))


def read_delimited(upload: CompressedFile, reading: ImportOptions, scratch: Scratch, tell: Tell) -> Imported:
    """Read a delimited table as a dataset. Raises ImportFailed."""
    table = Delimited(upload, reading.encoding)
    try:
        return read_table(table, reading, scratch, tell)
    except ImportFailed as error:
        if GUESSED in table.warnings:  # a wrong guess may be why a column is not found
            raise ImportFailed("table_in_guessed_encoding", reason=error.message, guess=GUESSED) from error
        raise


DELIMITED = Format("a table", (*OPTIONS, "encoding"), is_text, read_delimited)
