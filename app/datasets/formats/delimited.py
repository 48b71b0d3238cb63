"""Delimited text such as CSV. Encoding, separator and header are detected."""

import codecs
import csv
import io
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import suppress
from itertools import accumulate, islice
from operator import itemgetter
from typing import IO, Any

from app.datasets.errors import ImportFailed
from app.datasets.formats.columns import VALUE_LENGTH, Row
from app.datasets.formats.compressed_file import CompressedFile
from app.datasets.formats.format import Format
from app.datasets.formats.header import are_names, completed, is_header, numbered_names
from app.datasets.formats.numbers import POINT_AFTER_COMMAS, has_decimal_commas, is_number
from app.datasets.formats.survey import MOST_COLUMNS
from app.datasets.formats.tables import OPTIONS, read_table
from app.datasets.import_options import MOST_EXAMPLES, Imported, ImportOptions, Scratch, Skipped, Tell, text_encoding
from app.datasets.names import first
from app.messages import Message

SEPARATORS = ",;\t|"
SPACES = " "  # any number of them, as old programs align their columns
SAMPLE, LINES = 2**16, 20  # characters and lines from which the separator is detected
ROWS_BELOW = 200  # rows to which the first line is compared
NAMES_SEPARATOR = re.compile(
    r"\ufeff?[\"]?(?:sep)=(.)\1*[ \t]*[\"]?[ \t]*\r?\n", re.IGNORECASE
)  # a first line that spreadsheets write
FIELD_BYTES = 2**20
MOST_LINES = 2 * MOST_EXAMPLES
ROW_LETTERS = MOST_COLUMNS * VALUE_LENGTH
MARK = "\ufeff"  # a byte order mark, as a chosen encoding may leave it in the text
BOMS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}
OTHER = "cp1252"  # for bytes that are not UTF-8: usual on Windows in Western countries
GUESSED = Message.of("encoding_guessed")


class Delimited:
    """Rows of texts under names. Raises ImportFailed if there are none.

    merged: first and last line of a row that may be several rows, joined into one value by a stray quote.
    """

    def __init__(self, upload: CompressedFile, reading: ImportOptions) -> None:
        self.upload, self.said = upload, reading.encoding
        self.encoding = _encoding(upload) if self.said is None else text_encoding(self.said)
        self.above = reading.skip  # lines above the table
        with self._open() as file:
            sample = _sample(file, self.above)
        if "\0" in sample:
            raise ImportFailed("table_is_binary")
        named = NAMES_SEPARATOR.match(sample)
        self.names_separator = named is not None
        if named is not None:
            self.above, sample = self.above + 1, sample[named.end() :]
        self.separator = named[1] if named is not None else _separator(sample)
        with self._open() as file:
            top = next(self._parsed(file), [])
        if not any(top):
            raise ImportFailed("table_empty")
        below = self._below()
        self.lengths = len(top), max(Counter(map(len, below)).items(), key=itemgetter(1), default=(len(top), 0))[0]
        self.comma = self.separator not in (",", SPACES) or self._has_decimal_commas(below)
        names = completed(top, below) if self.lengths[1] == len(top) + 1 else top
        detected = is_header(names, below, "comma" if self.comma else "point")
        self.has_header = detected if reading.header == "auto" else reading.header == "yes"
        self.names = names if self.has_header else numbered_names(len(top))
        self.detected = reading.header == "auto"
        self.unread: dict[str, str] = {}
        self.merged: tuple[int, int] | None = None
        self.line: int | None = None
        self.about: dict[str, Any] = {"encoding": self.encoding, "separator": self.separator}

    def _below(self) -> list[list[str]]:
        """The first rows below the first line."""
        rows: list[list[str]] = []
        with self._open() as file, suppress(ImportFailed):  # the import itself names the line that is broken
            for row in islice(self._parsed(file), 1, 1 + ROWS_BELOW):
                if row:
                    rows.append(row)
        return rows

    def _has_decimal_commas(self, rows: list[list[str]]) -> bool:
        """True if some column has decimal commas, quoted where commas separate, and no cell is like
        1,234.5."""
        if any(POINT_AFTER_COMMAS.fullmatch(cell.strip()) for row in rows for cell in row):
            return False
        columns = zip(*(row for row in rows if len(row) == self.lengths[0]), strict=True)
        return any(has_decimal_commas(column) for column in columns)

    def explained(self, error: ImportFailed) -> ImportFailed:
        """The refusal, with what may be its cause: a guessed encoding, or the first line of the table."""
        if GUESSED in self.warnings:
            return ImportFailed("table_in_guessed_encoding", reason=error.message)
        if error.message.code == "no_such_column" and not self.has_header and self.detected:
            return ImportFailed("header_not_recognised", reason=error.message)
        top, below = self.lengths
        if below != len(self.names):
            return ImportFailed("first_line_differs", reason=error.message, values=top, several=top > 1, below=below)
        return error

    @property
    def warnings(self) -> list[Message]:
        """Remarks about a guessed encoding, the header, and merged rows."""
        messages = [GUESSED] if self.said is None and self.encoding == OTHER else []
        if self.names_separator:
            messages.append(Message.of("separator_named", separator=self.separator))
        if not self.has_header and self.detected:
            messages.append(Message.of("header_missing", **first(self.names)))
        if self.has_header and len(self.names) > self.lengths[0]:
            messages.append(Message.of("name_missing", names=self.lengths[0], last=not self.names[-1]))
        numbers = [name.strip() for name in self.names if is_number(name)]
        if self.has_header and self.detected and numbers and not are_names(numbers):
            messages.append(Message.of("header_holds_numbers", **first(numbers)))
        elif self.has_header and self.detected and len(numbers) == len(self.names):
            messages.append(Message.of("header_counts", **first(numbers)))
        if self.merged is not None:
            start, last = self.merged
            messages.append(Message.of("rows_merged", first=start, last=last))
        return messages

    def rows(self, skipped: Skipped, tell: Tell) -> Iterator[Row]:
        """Rows below the names. A row with too few or too many values is recorded in `skipped`."""
        with self._open() as file:
            parsed = self._parsed(file)
            if self.has_header:
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
                    skipped.add(f"line {parsed.line}", f"has {values}, but the first line has {len(self.names):,}")
                    continue
                if len(parsed.lines) > 2 and self.merged is None and parsed.holds_rows(len(row)):
                    self.merged = parsed.began, parsed.line
                count += 1
                self.line = parsed.line
                if count % 256 == 0:
                    tell(self.upload.fraction, count)
                yield tuple(row)

    def _open(self) -> IO[str]:
        return io.TextIOWrapper(self.upload.open(), self.encoding, newline="")

    def _parsed(self, file: IO[str]) -> "_Rows":
        return _Rows(file, self.separator, self.above)


class _Rows(Iterator[list[str]]):
    """Rows of a CSV file, of limited length. Errors name the line."""

    def __init__(self, file: IO[str], separator: str, above: int) -> None:
        """`above` is the number of lines above the table."""
        csv.field_size_limit(FIELD_BYTES)
        self.file, self.separator, self.line, self.left = file, separator, 0, ROW_LETTERS
        self.lines: list[str] = []  # of the current row
        while self.line < above and self._read():
            self.line += 1
        # Strict: otherwise an open quote at the end of the file is no error.
        self.reader = _reader(self._lines(), separator, strict=True)

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


def _sample(file: IO[str], above: int) -> str:
    """The beginning of the table, below the lines `above` it."""
    try:
        for _ in range(above):
            file.readline(ROW_LETTERS)
        return file.read(SAMPLE)
    except UnicodeError as error:
        raise ImportFailed("not_text", line=0, reason=str(error)) from error


def _separator(sample: str) -> str:
    """Separator that splits the first lines into equally many columns; if none does, the header into the most.

    The header may have one column less, as `completed` says. Spaces separate only if nothing else does.
    """

    def columns(separator: str) -> tuple[bool, int]:
        rows = _reader(io.StringIO(sample.removeprefix(MARK), newline=""), separator)
        try:
            counts = [len(row) for row in islice(rows, LINES) if row]
        except csv.Error:
            return False, 0
        if len(counts) < LINES and len(sample) == SAMPLE:
            counts.pop()  # the last line is cut off
        if not counts:
            return False, 0
        top, last = counts[0], counts[-1]
        return len(set(counts[1:])) <= 1 and top in (last, last - 1) and top > 1, top

    best = max(SEPARATORS, key=columns)
    are_equal, _ = columns(SPACES)
    return SPACES if are_equal and columns(best)[1] <= 1 else best


def _reader(lines: Iterable[str], separator: str, strict: bool = False) -> "Iterator[list[str]]":
    if separator != SPACES:
        return csv.reader(lines, delimiter=separator, strict=strict)
    return csv.reader((f"{line.strip()}\n" for line in lines), delimiter=SPACES, strict=strict, skipinitialspace=True)


def is_text(upload: CompressedFile) -> bool:
    """True if the upload is text, which may still not be a table."""
    beginning = upload.beginning
    return bool(beginning.strip()) and (b"\0" not in beginning or beginning.startswith(tuple(BOMS)))


def read_delimited(upload: CompressedFile, reading: ImportOptions, scratch: Scratch, tell: Tell) -> Imported:
    """Read a delimited table as a dataset. Raises ImportFailed."""
    table = Delimited(upload, reading)
    try:
        return read_table(table, reading, scratch, tell)
    except ImportFailed as error:
        raise table.explained(error) from error


DELIMITED = Format("a table", (*OPTIONS, "encoding", "header", "skip"), is_text, read_delimited)
