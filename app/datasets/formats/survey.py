"""The first pass over a table: checks of its names and sizes, and statistics of its columns."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

from app.datasets.errors import ImportFailed
from app.datasets.formats.columns import CATEGORIES, NAME_LENGTH, Column, Row, Target
from app.datasets.formats.compressed_file import TOTAL_BYTES
from app.datasets.formats.numbers import Notation
from app.datasets.import_options import CLASSES, MOST_EXAMPLES, Kind, Skipped, Tell
from app.datasets.names import first
from app.messages import Message

MOST_COLUMNS = 20_000
LISTED = 20
NUMBER_BYTES = 4


class Table(Protocol):
    """Rows of a table, as a format delivers them.

    comma: numbers may have a decimal comma. unread: types of the columns that are neither numbers nor text, by name.
    line: number of the current row's last line; None if the format has no lines. warnings: complete after all rows have
    been read.
    """

    names: list[str]
    comma: bool
    unread: dict[str, str]
    about: dict[str, Any]

    @property
    def line(self) -> int | None: ...

    @property
    def warnings(self) -> list[Message]: ...

    def rows(self, skipped: Skipped, tell: Tell) -> Iterator[Row]: ...


def surveyed(table: Table, target: str, skipped: Skipped, tell: Tell) -> list[Column]:
    """Statistics of each column over all rows. Raises ImportFailed.

    If the table has decimal commas, the rows are read again: only then it is known that points separate thousands.
    """
    names = checked_names(table.names, target)
    decimal: Notation = "comma" if table.comma else "point"
    columns = _seen(table, [_column(name, decimal, target) for name in names], skipped, tell)
    has_commas = any(column.has_comma for column in columns)
    grouped = {column.name for column in columns if _is_grouped(column, has_commas)}
    if not grouped:
        return columns
    again = [_column(name, "grouped" if name in grouped else decimal, target) for name in names]
    return _seen(table, again, Skipped(), tell)


def _column(name: str, notation: Notation, target: str) -> Column:
    return Target(name, notation) if name == target else Column(name, notation)


def _is_grouped(column: Column, has_commas: bool) -> bool:
    """True if the points of a column separate thousands; `has_commas`: the table has decimal commas."""
    return column.grouped is not None and not column.has_point and (has_commas or column.grouped_for_sure)


def _seen(table: Table, columns: list[Column], skipped: Skipped, tell: Tell) -> list[Column]:
    most = [CLASSES if isinstance(column, Target) else CATEGORIES for column in columns]
    count = 0

    def place() -> str:
        return f"row {count:,}" if table.line is None else f"line {table.line:,}"

    for column in columns:
        column.place, column.unread = place, table.unread.get(column.name)
    for row in table.rows(skipped, tell):
        count += 1
        if count > MOST_EXAMPLES:
            refuse_too_many(count, len(columns))
        for column, value, limit in zip(columns, row, most, strict=True):
            column.see(value, limit)
    return columns


def checked_names(names: Iterable[str], target: str) -> list[str]:
    """Names of the columns, stripped and shortened. Raises ImportFailed unless there are a target and inputs."""
    checked = [name.strip()[:NAME_LENGTH] for name in names]
    if len(checked) > MOST_COLUMNS:
        raise ImportFailed("too_many_columns", columns=len(checked), least=1, limit=MOST_COLUMNS)
    twice = next((name for name, count in Counter(checked).items() if count > 1), None)
    if twice is not None:
        raise ImportFailed("duplicate_column", column=twice)
    if target not in checked:
        raise ImportFailed("no_such_column", target=target, **listed(checked))
    if len(checked) < 2:
        raise ImportFailed("table_without_inputs", target=target)
    return checked


def refuse_too_many(rows: int, columns: int) -> None:
    """Raise ImportFailed if a table of numbers would exceed the limits on rows, columns or bytes."""
    if rows > MOST_EXAMPLES:
        raise ImportFailed("too_many_rows", limit=MOST_EXAMPLES)
    if columns > MOST_COLUMNS or rows * columns * NUMBER_BYTES > TOTAL_BYTES:
        limits = {"most_columns": MOST_COLUMNS, "most_bytes": TOTAL_BYTES}
        raise ImportFailed("table_too_large", columns=columns, rows=rows, **limits)


def listed(names: Sequence[str]) -> dict[str, Any]:
    """Parameters of a message: the first column names, and the number of further ones."""
    return first([name.strip()[:NAME_LENGTH] for name in names], LISTED)


def check_types(types: Mapping[str, Kind], columns: Iterable[Column], target: str) -> None:
    """Raise ImportFailed if a type is given for the target, or for a column that does not exist."""
    names = {column.name for column in columns}
    for name in types:
        if name not in names:
            raise ImportFailed("typed_column_missing", column=name)
        if name == target:
            raise ImportFailed("target_typed", column=name)
