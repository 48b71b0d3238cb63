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

CATEGORIES = 100  # of an input; each becomes a column of zeros and ones
# In lower case. Infinite values count as missing, since nothing can be learnt from them.
MISSING = frozenset({"", "na", "n/a", "nan", "null", "none", "-", "?", "inf", "+inf", "-inf", "infinity", "-infinity"})
THOUSANDS = re.compile(r"[+-]?\d{1,3}(,\d{3})+")  # might also be a decimal comma: the text does not tell
# Signs that may surround a number, and a number that may have thousands separators.
SIGNS = "+-$¢£¥€₹₽₩₺₴₫₪% \u00a0\u202f"
PARTED = re.compile(r"(\d{1,3}([.,'’\s]\d{3})+|\d+)([.,]\d+)?")
FEW = 20  # different whole numbers, which may be classes
DISTINCT = 0.99  # of a target's different values must stay different as float32; a few may merge by chance
MOST_COLUMNS = 20_000
NAME_LENGTH = 200
VALUE_LENGTH = 200
LISTED = 20
NUMBER_BYTES = 4

Value = str | float | None  # None is missing
Row = tuple[Value, ...]


def number(value: Value, comma: bool = False) -> float:
    """Convert a value to a number. Raises ValueError, also for a number that float32 cannot hold."""
    if isinstance(value, str):
        text = value.strip()
        if "_" in text:  # float() would accept it
            raise ValueError(value)
        parsed = float(text.replace(",", ".") if comma else text)
    else:
        assert value is not None
        parsed = value
    if not math.isfinite(parsed) or abs(parsed) > 3.4e38:
        raise ValueError(value)
    return parsed


def missing(value: Value) -> bool:
    """True if the cell is empty, infinite, or a usual word for a missing value."""
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
    """Statistics of one column: how many values are missing, and the distinct values while they may be categories.

    not_a_number: the first value that is not a number, if any.
    doubtful: the first value whose comma may be a thousands separator, if any.
    unread: a noun phrase for the values if they are neither numbers nor texts.
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
        """Count a value; up to `most` distinct values are kept. Returns its number if all values so far are numbers."""
        self.count += 1
        if missing(value):
            self.missing += 1
            return None
        parsed = None
        if self.not_a_number is None:
            try:
                parsed = number(value, self.comma)
            except ValueError:
                self.not_a_number = str(value)[:VALUE_LENGTH]
        if self.comma and self.doubtful is None and isinstance(value, str) and THOUSANDS.fullmatch(value.strip()):
            self.doubtful = value.strip()
        if not self.overflowing:
            text = as_text(value)
            self.values[text] = self.values.get(text, 0) + 1
            self.overflowing = len(self.values) > most
        return parsed

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
        about: dict[str, Any] = {"name": self.name, "type": kind, "missing": self.missing}
        if kind == "category":
            about["categories"] = sorted(self.values)
        if kind == "ignore" and self.reason is not None:
            about["reason"] = self.reason
        return about

    @property
    def reason(self) -> str | None:
        """Reason why the column cannot be an input; None if it can."""
        if self.unread is not None:
            return f"it holds {self.unread}; only numbers and texts are read"
        if self.missing == self.count:
            return "all its values are missing"
        return f"it is text with over {CATEGORIES} different values" if self.overflowing else None

    @property
    def parted(self) -> str | None:
        """A text that is a number apart from signs and separators; None unless most of the texts are such numbers."""
        alike = [value for value in self.values if PARTED.fullmatch(value.strip(SIGNS))]
        if self.numeric or 2 * len(alike) <= len(self.values):
            return None
        return next((value for value in alike if not is_number(value, self.comma)), None)


@dataclass
class Target(Column):
    """Statistics of the column to predict. If all its values are numbers, `1` and `1.0` are the same value.

    numbers: count of each distinct number, by its text. As many are kept as of the texts.
    """

    numbers: dict[str, int] = field(default_factory=dict)
    least: float = math.inf
    greatest: float = -math.inf
    boolean: bool = False

    def see(self, value: Value, most: int) -> float | None:
        """Count a value of the target column. Returns its number, or None for a missing value."""
        parsed = super().see(value, most)
        if parsed is None:
            return None
        self.least, self.greatest = min(self.least, parsed), max(self.greatest, parsed)
        self.boolean = isinstance(value, bool)
        if len(self.numbers) <= most:
            name = as_text(parsed)
            self.numbers[name] = self.numbers.get(name, 0) + 1
        return parsed

    def label(self, value: Value) -> str:
        """Name of the class of a value."""
        return as_text(number(value, self.comma) if self.numeric else value)

    @property
    def labels(self) -> dict[str, int]:
        """Number of examples of each class, in the order of their numbers or names."""
        if self.numeric:
            return dict(sorted(self.numbers.items(), key=lambda item: float(item[0])))
        return dict(sorted(self.values.items()))


def as_text(value: Value) -> str:
    """A value as the name of a category. Whole numbers have no decimal point."""
    if isinstance(value, str):
        return value.strip()[:VALUE_LENGTH]
    assert value is not None
    return str(int(value)) if value == int(value) else repr(float(value))


def same_as_float32(target: str | None, least: float, greatest: float) -> ImportFailed:
    """Refusal of a target (None if it has no name) whose numbers differ, but are all equal as float32."""
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
    """Statistics of each column over all rows; `classes` limits the kept values of the target. Raises ImportFailed."""
    checked = checked_names(names, target)
    columns = [Target(name, comma) if name == target else Column(name, comma) for name in checked]
    most = [classes if column.name == target else CATEGORIES for column in columns]
    for count, row in enumerate(rows, 1):
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
