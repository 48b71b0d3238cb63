"""Column types of a table, inferred in one pass over all rows."""

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from app.datasets.errors import ImportFailed
from app.datasets.formats.dates import DateFormat, DateSurvey
from app.datasets.formats.numbers import (
    DECIMAL_COMMA,
    GROUPED,
    GROUPED_FOR_SURE,
    THOUSANDS,
    Notation,
    Value,
    is_number,
    missing,
    number,
)
from app.datasets.import_options import Kind

CATEGORIES = 100  # of an input; each becomes a column of zeros and ones
# Signs that may surround a number, and a number that may have thousands separators.
SIGNS = "+-$¢£¥€₹₽₩₺₴₫₪% \u00a0\u202f"
PARTED = re.compile(r"(\d{1,3}([.,'’\s]\d{3})+|\d+)([.,]\d+)?")
UNIQUE, FEW_TEXTS = 0.5, 10  # share of different texts with which a column tells the rows apart, unless they are few
STRANGE = 1000  # texts after which a column is not tried as one of numbers, unless it has as many numbers
DIFFERENT_TEXTS = 5  # among numbers that are kept
NEARLY_ALL = 20  # numbers for each text
ROWS_OF_INDEX = 20  # a shorter column of 0, 1, 2, … may be an input
YEARS = (1700, 2200)  # a table with a row for each year counts them, too
NAMELESS = re.compile(r"|unnamed: ?\d+|__index_level_\d+__", re.IGNORECASE)  # pandas' names for row indices
NAME_LENGTH = 200
VALUE_LENGTH = 200

Row = tuple[Value, ...]


@dataclass
class Column:
    """Statistics of one column: how many values are missing, and the distinct values while they may be categories.

    place: names the current row, for messages.
    not_a_number, strange, strange_place, texts: the first value that is not a number, the number of such values, the
    place of the first, and some of them. gave_up: they are so many that no more are counted.
    unread: a noun phrase for the values if they are neither numbers nor texts.
    thousands, grouped: the first value whose comma, or point, may separate thousands.
    has_comma, has_point: True if there is a certain decimal comma, or point.
    whole: True if all numbers are whole; then `least` and `greatest` are their bounds.
    word, words, word_place: the first text that stands for a missing value, such as #N/A, the number of such texts, and
    the place of the first.
    last, step: the last number of a column that counts the rows so far, up or down by 1 from any number; else None.
    """

    name: str
    notation: Notation = "point"
    place: Callable[[], str] = str
    unread: str | None = None
    count: int = 0
    missing: int = 0
    not_a_number: str | None = None
    strange: int = 0
    strange_place: str = ""
    texts: list[str] = field(default_factory=list)
    gave_up: bool = False
    thousands: str | None = None
    grouped: str | None = None
    grouped_for_sure: bool = False
    has_comma: bool = False
    has_point: bool = False
    word: str | None = None
    words: int = 0
    word_place: str = ""
    last: float | None = None
    step: float | None = None
    whole: bool = True
    least: float = math.inf
    greatest: float = -math.inf
    dates: DateSurvey = field(default_factory=DateSurvey)
    values: dict[str, int] = field(default_factory=dict)
    overflowing: bool = False

    def see(self, value: Value, most: int) -> float | None:
        """Count a value; up to `most` distinct values are kept. Returns its number if it is one."""
        self.count += 1
        parsed = None
        self.gave_up = self.gave_up or self.strange > max(STRANGE, self.count // 2)
        is_tried = not self.gave_up or self.dates.is_open
        if is_tried:
            try:
                parsed = number(value, self.notation)
            except ValueError:
                parsed = None
        if parsed is None:  # no word for a missing value is a number
            if missing(value):
                self._see_missing(value)
                return None
            if is_tried:
                self._see_text(str(value))
        elif self.whole:
            self._see_whole(parsed)
        if self.notation != "point" and isinstance(value, str):
            self._see_signs(value.strip())
        if not self.overflowing:
            text = as_text(value)
            self.values[text] = self.values.get(text, 0) + 1
            self.overflowing = len(self.values) > most
        return parsed

    def _see_text(self, text: str) -> None:
        self.strange += 1
        if self.not_a_number is None:
            self.not_a_number, self.strange_place = text[:VALUE_LENGTH], self.place()
        if len(self.texts) <= DIFFERENT_TEXTS and text[:VALUE_LENGTH] not in self.texts:
            self.texts.append(text[:VALUE_LENGTH])
        self.dates.see(text, self.place)

    def _see_missing(self, value: Value) -> None:
        self.missing += 1
        self.last = None
        if isinstance(value, str) and (text := value.strip()):
            self.words += 1
            if self.word is None:
                self.word, self.word_place = text[:VALUE_LENGTH], self.place()

    def _see_whole(self, parsed: float) -> None:
        """Count a number of a column that may hold whole numbers only."""
        if self.count == 1:
            self.last = parsed
        elif self.last is not None:
            if self.count == 2 and abs(parsed - self.last) == 1:
                self.step = parsed - self.last
            self.last = parsed if parsed - self.last == self.step else None
        self.whole = self.whole and parsed == int(parsed)
        self.least = min(self.least, parsed)
        self.greatest = max(self.greatest, parsed)

    def _see_signs(self, text: str) -> None:
        if "," in text:
            if THOUSANDS.fullmatch(text):
                self.thousands = self.thousands or text
            elif DECIMAL_COMMA.fullmatch(text):
                self.has_comma = True
        if "." in text:
            if GROUPED.fullmatch(text) and not text.lstrip("+-").startswith("0"):
                self.grouped = self.grouped or text
                self.grouped_for_sure = self.grouped_for_sure or GROUPED_FOR_SURE.fullmatch(text) is not None
            elif is_number(text):
                self.has_point = True

    @property
    def known(self) -> int:
        return self.count - self.missing

    @property
    def numeric(self) -> bool:
        return self.not_a_number is None and self.missing < self.count

    @property
    def nearly_numeric(self) -> bool:
        """True if nearly all values are numbers, but not all."""
        return self.mostly_numeric and self.known - self.strange >= NEARLY_ALL * self.strange

    @property
    def mostly_numeric(self) -> bool:
        """True if most values are numbers, but not all."""
        return not self.gave_up and 0 < 2 * self.strange < self.known

    @property
    def date_format(self) -> DateFormat | None:
        """The format of the dates if all values are dates."""
        return self.dates.format if self.strange == self.known else None

    @property
    def nearly_all_dates(self) -> tuple[int, str, str] | None:
        """The number of dates, and the first other text with its place, if nearly all values are dates, but not all."""
        order = self.dates.best
        if order is None or order not in self.dates.others:
            return None
        dates = self.dates.dates[order]
        return (dates, *self.dates.others[order]) if dates >= NEARLY_ALL * (self.known - dates) else None

    @property
    def numbers_rows(self) -> bool:
        """True if the column only numbers the rows: it counts them, but not as years, or has whole numbers and no
        name."""
        if not self.numeric or not self.whole:
            return False
        return (self.counts_rows and not self.may_be_years) or NAMELESS.fullmatch(self.name) is not None

    @property
    def counts_rows(self) -> bool:
        """True if the numbers go up or down by 1 from row to row."""
        return self.whole and self.last is not None and self.count >= ROWS_OF_INDEX

    @property
    def may_be_years(self) -> bool:
        return YEARS[0] <= self.least and self.greatest <= YEARS[1]

    @property
    def mostly_unique(self) -> bool:
        """True if the texts tell the rows apart, like names or addresses."""
        return not self.numeric and len(self.values) > max(FEW_TEXTS, UNIQUE * self.known)

    def kind(self, wanted: Kind | None) -> Kind:
        """The type of the column as an input. Raises ImportFailed if the requested type is impossible."""
        if self.unread is not None and wanted not in (None, "ignore"):
            raise ImportFailed("column_not_read", column=self.name, kind=wanted, holds=self.unread)
        if wanted == "number" and self.not_a_number is not None:
            raise ImportFailed(
                "column_not_numeric", column=self.name, value=self.not_a_number, place=self.strange_place
            )
        if wanted == "category" and self.overflowing:
            raise ImportFailed("column_has_too_many_categories", column=self.name, limit=CATEGORIES)
        if wanted == "date" and self.date_format is None:
            raise ImportFailed("column_not_dates", column=self.name)
        if wanted is not None:
            return wanted
        if self.numeric:
            return "ignore" if self.numbers_rows else "number"
        if self.date_format is not None:
            return "date"
        return "category" if self.reason is None else "ignore"

    def about(self, kind: Kind) -> dict[str, Any]:
        """Description of the column, as JSON."""
        about: dict[str, Any] = {"name": self.name, "type": kind, "missing": self.missing}
        if kind == "number" and self.notation == "grouped":
            about["notation"] = self.notation
        if kind == "category":
            about["categories"] = sorted(self.values)
        if kind == "date":
            assert self.date_format is not None
            about["dates"] = self.date_format.to_json()
        if kind == "ignore" and self.reason is not None:
            about["reason"] = self.reason
        return about

    @property
    def reason(self) -> str | None:
        """Reason why the column is no input unless its type is given; None if it is one."""
        if self.unread is not None:
            return f"it holds {self.unread}; only numbers, texts and dates are read"
        if self.missing == self.count:
            return "all its values are missing"
        if self.numbers_rows:
            return "it numbers the rows"
        if self.mostly_numeric and (self.overflowing or self.mostly_unique):
            return f"it holds numbers, but also texts such as {self.not_a_number!r}"
        if self.overflowing:
            return f"it is text with over {CATEGORIES} different values"
        return "nearly every row has a text of its own" if self.mostly_unique else None

    @property
    def parted(self) -> str | None:
        """A text that is a number apart from signs and separators; None unless most of the texts are such numbers."""
        alike = [value for value in self.values if PARTED.fullmatch(value.strip(SIGNS))]
        if self.numeric or self.date_format is not None or 2 * len(alike) <= len(self.values):
            return None
        return next((value for value in alike if not is_number(value, self.notation)), None)


@dataclass
class Target(Column):
    """Statistics of the column to predict. If all its values are numbers, `1` and `1.0` are the same value.

    numbers: count of each distinct number, by its text. As many are kept as of the texts.
    """

    numbers: dict[str, int] = field(default_factory=dict)
    boolean: bool = False

    def see(self, value: Value, most: int) -> float | None:
        """Count a value of the target column. Returns its number if all values so far are numbers."""
        parsed = super().see(value, most)
        if parsed is None or self.not_a_number is not None:
            return None
        self.least, self.greatest = min(self.least, parsed), max(self.greatest, parsed)
        self.boolean = isinstance(value, bool)
        if len(self.numbers) <= most:
            name = as_text(parsed)
            self.numbers[name] = self.numbers.get(name, 0) + 1
        return parsed

    def label(self, value: Value) -> str:
        """Name of the class of a value."""
        return as_text(number(value, self.notation) if self.numeric else value)

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
