"""Column types of a table, inferred in one pass over all rows."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.datasets.errors import ImportFailed
from app.datasets.formats.compressed_file import TOTAL_BYTES
from app.datasets.import_options import MOST_EXAMPLES, Kind
from app.datasets.names import first
from app.messages import Message

CATEGORIES = 100  # of an input: each becomes a column of zeros and ones
# In any case; what is infinite is no value that could be learnt from either.
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "-", "?", "inf", "+inf", "-inf", "infinity", "-infinity"})
THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+")  # or a decimal comma: nothing says
# What may stand around a number, and one whose thousands are parted.
SIGNS = "+-$¢£¥€₹₽₩₺₴₫₪% \u00a0\u202f"
PARTED = re.compile(r"(\d{1,3}([.,'’\s]\d{3})+|\d+)([.,]\d+)?")
FEW = 20  # different whole numbers, which may well be classes
DISTINCT = 0.99  # of the different values of a target, where no more than chance makes two the same as float32
MOST_COLUMNS = 20_000
NAME_LENGTH = 200
VALUE_LENGTH = 200
LISTED = 20
NUMBER_BYTES = 4

Value = str | float | None  # None is missing
Row = tuple[Value, ...]


def number(value: Value, comma: bool = False) -> float:
    """The number that a value is. Raises ValueError; what float32 cannot hold is none."""
    if isinstance(value, str):
        text = value.strip()
        if "_" in text:  # which Python reads as a number
            raise ValueError(value)
        found = float(text.replace(",", ".") if comma else text)
    else:
        assert value is not None
        found = value
    if not math.isfinite(found) or abs(found) > 3.4e38:
        raise ValueError(value)
    return found


def missing(value: Value) -> bool:
    """True if the cell is empty or a usual word for a missing value."""
    if isinstance(value, str):
        return value.strip().lower() in MISSING
    return value is None or not math.isfinite(value)


def is_number(value: Value, comma: bool = False) -> bool:
    try:
        number(value, comma)
    except ValueError:
        return False
    return True


@dataclass
class Column:
    """One column: how often a value is missing, and all its values as long as they may be categories.

    not_a_number, doubtful: the first value that is none, if any, or whose comma may part thousands.
    unread: what it holds, where that is neither numbers nor texts.
    """

    name: str
    comma: bool = False  # numbers may be written with a decimal comma
    unread: str | None = None
    count: int = 0
    missing: int = 0
    not_a_number: str | None = None
    doubtful: str | None = None
    values: dict[str, int] = field(default_factory=dict)
    overflowing: bool = False

    def see(self, value: Value, most: int) -> float | None:
        """Count the value in; `most` values are kept by name. The number that it is, if all so far are numbers."""
        self.count += 1
        if missing(value):
            self.missing += 1
            return None
        found = None
        if self.not_a_number is None:
            try:
                found = number(value, self.comma)
            except ValueError:
                self.not_a_number = str(value)[:VALUE_LENGTH]
        if self.comma and self.doubtful is None and isinstance(value, str) and THOUSANDS.fullmatch(value.strip()):
            self.doubtful = value.strip()
        if not self.overflowing:
            text = as_text(value)
            self.values[text] = self.values.get(text, 0) + 1
            self.overflowing = len(self.values) > most
        return found

    @property
    def numeric(self) -> bool:
        return self.not_a_number is None and self.missing < self.count

    def kind(self, wanted: Kind | None) -> Kind:
        """The type of the column as an input. Raises ImportFailed if the requested type is impossible."""
        if self.unread is not None and wanted not in (None, "ignore"):
            raise ImportFailed("column_not_read", column=self.name, kind=wanted, holds=self.unread)
        if wanted == "number" and self.not_a_number is not None:
            raise ImportFailed("column_not_numeric", column=self.name, value=self.not_a_number)
        if wanted == "category" and self.overflowing:
            raise ImportFailed("column_has_too_many_categories", column=self.name, limit=CATEGORIES)
        if wanted is not None:
            return wanted
        if self.numeric:
            return "number"
        return "ignore" if self.overflowing or self.missing == self.count else "category"

    def about(self, kind: Kind) -> dict[str, Any]:
        """Description of the column, as JSON."""
        said: dict[str, Any] = {"name": self.name, "type": kind, "missing": self.missing}
        if kind == "category":
            said["categories"] = sorted(self.values)
        if kind == "ignore" and self.reason is not None:
            said["reason"] = self.reason
        return said

    @property
    def reason(self) -> str | None:
        """Why it can be no input, if so."""
        if self.unread is not None:
            return f"it holds {self.unread}, which are not read; numbers and texts are"
        if self.missing == self.count:
            return "all its values are missing"
        return f"it is text with over {CATEGORIES} different values" if self.overflowing else None

    @property
    def parted(self) -> str | None:
        """A text that would be a number without its signs and separators, where most of the texts are."""
        alike = [value for value in self.values if PARTED.fullmatch(value.strip(SIGNS))]
        if self.numeric or 2 * len(alike) <= len(self.values):
            return None
        return next((value for value in alike if not is_number(value, self.comma)), None)


@dataclass
class Target(Column):
    """The column that is predicted: where all of it is numbers, they are told apart as such, however they are written.

    numbers: how often each comes, by its name, up to as many as are kept of the texts.
    """

    numbers: dict[str, int] = field(default_factory=dict)
    least: float = math.inf
    greatest: float = -math.inf
    boolean: bool = False

    def see(self, value: Value, most: int) -> float | None:
        """Count a value of the target column. Returns its number, or None for a missing value."""
        found = super().see(value, most)
        if found is None:
            return None
        self.least, self.greatest = min(self.least, found), max(self.greatest, found)
        self.boolean = isinstance(value, bool)
        if len(self.numbers) <= most:
            name = as_text(found)
            self.numbers[name] = self.numbers.get(name, 0) + 1
        return found

    def label(self, value: Value) -> str:
        """The class that a value is."""
        return as_text(number(value, self.comma) if self.numeric else value)

    @property
    def labels(self) -> dict[str, int]:
        """Number of examples of each class, in the order of their numbers or names."""
        if self.numeric:
            return dict(sorted(self.numbers.items(), key=lambda item: float(item[0])))
        return dict(sorted(self.values.items()))


def as_text(value: Value) -> str:
    """A value as the name of a category: a whole number without a point."""
    if isinstance(value, str):
        return value.strip()[:VALUE_LENGTH]
    assert value is not None
    return str(int(value)) if value == int(value) else repr(float(value))


def same_as_float32(target: str | None, least: float, greatest: float) -> ImportFailed:
    """The refusal of a target (None where it has no name) whose numbers differ and are stored as one."""
    bounds = {"least": as_text(least), "greatest": as_text(greatest)}
    return ImportFailed("target_constant_as_float32", target=target, **bounds)


def doubts_of_numbers(target: str | None, values: NDArray[Any], said: bool) -> list[Message]:
    """Warnings about a regression target (None if it has no name), from its distinct values; `said` is True if the user
    chose regression."""
    doubts, different = [], len(values)
    with np.errstate(over="ignore"):
        stored = len(np.unique(values.astype(np.float32)))
    if stored < DISTINCT * different:
        doubts.append(Message.of("values_merge_as_float32", target=target, values=different, stored=stored))
    if not said and different <= FEW and (values == np.round(values)).all():
        doubts.append(Message.of("maybe_classes", target=target, values=different))
    return doubts


def surveyed(names: Iterable[str], rows: Iterable[Row], target: str, comma: bool, classes: int) -> list[Column]:
    """Each column, after all rows have been seen; of the target so many values are kept. Raises ImportFailed."""
    found = checked_names(names, target)
    columns = [Target(name, comma) if name == target else Column(name, comma) for name in found]
    most = [classes if column.name == target else CATEGORIES for column in columns]
    for count, row in enumerate(rows, 1):
        if count > MOST_EXAMPLES:
            refuse_too_many(count, len(columns))
        for column, value, limit in zip(columns, row, most, strict=True):
            column.see(value, limit)
    return columns


def checked_names(names: Iterable[str], target: str) -> list[str]:
    """The names of the columns, of which one is the target. Raises ImportFailed."""
    found = [name.strip()[:NAME_LENGTH] for name in names]
    if len(found) > MOST_COLUMNS:
        raise ImportFailed("too_many_columns", columns=len(found), least=1, limit=MOST_COLUMNS)
    twice = next((name for name, count in Counter(found).items() if count > 1), None)
    if twice is not None:
        raise ImportFailed("duplicate_column", column=twice)
    if target not in found:
        raise ImportFailed("no_such_column", target=target, **listed(found))
    if len(found) < 2:
        raise ImportFailed("table_without_inputs", target=target)
    return found


def refuse_too_many(rows: int, columns: int) -> None:
    """Raises ImportFailed where a table of numbers would be larger than what is read of any upload."""
    if rows > MOST_EXAMPLES:
        raise ImportFailed("too_many_rows", limit=MOST_EXAMPLES)
    if columns > MOST_COLUMNS or rows * columns * NUMBER_BYTES > TOTAL_BYTES:
        limits = {"most_columns": MOST_COLUMNS, "most_bytes": TOTAL_BYTES}
        raise ImportFailed("table_too_large", columns=columns, rows=rows, **limits)


def listed(names: Sequence[str]) -> dict[str, Any]:
    """The first of the columns' names, and how many more there are, as parameters of a message."""
    return first([name.strip()[:NAME_LENGTH] for name in names], LISTED)


def check_types(types: Mapping[str, Kind], columns: Iterable[Column], target: str) -> None:
    """Raises ImportFailed for a type of a column that is not there."""
    names = {column.name for column in columns}
    for name in types:
        if name not in names:
            raise ImportFailed("typed_column_missing", column=name)
        if name == target:
            raise ImportFailed("target_typed", column=name)
