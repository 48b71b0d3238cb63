"""Dates in the cells of a table, and the numbers that a network gets for them.

A year is a number. The day of the year goes round, so it is a point on a circle, as sine and cosine: 31 December is
next to 1 January. The weekday is 0 (Monday) to 6, the time a fraction of the day.
"""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from typing import Any, Literal

Order = Literal["year first", "day first", "month first", "month by name"]
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
NAME = r"(?P<name>(?:jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)[a-z]{0,6})\.?"
TIME = (
    r"(?:[T ](?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,]\d+)?)?"
    r"(?:\s?(?P<half>[ap]m)|\s?(?:Z|UTC|[+-]\d{2}:?\d{2}))?)?"
)
YEAR = r"(?P<year>\d{4}|\d{2})"
# A year first may have no day: then it is the first of the month.
FORMS: dict[Order, tuple[str, ...]] = {
    "year first": (r"(?P<year>\d{4})([-/.])(?P<month>\d{1,2})(?:\2(?P<day>\d{1,2}))?",),
    "day first": (r"(?P<day>\d{1,2})([-/.])(?P<month>\d{1,2})\2" + YEAR,),
    "month first": (r"(?P<month>\d{1,2})([-/.])(?P<day>\d{1,2})\2" + YEAR,),
    "month by name": (
        rf"(?P<day>\d{{1,2}})[-. ]{{1,2}}{NAME}[-, ]{{1,2}}{YEAR}",
        rf"{NAME} (?P<day>\d{{1,2}}),? {YEAR}",
    ),
}
PATTERNS = {
    order: [re.compile(form + TIME, re.ASCII | re.IGNORECASE) for form in forms] for order, forms in FORMS.items()
}
CENTURY = 69  # two digits from here on are of the 20th century, as in POSIX
EXAMPLES: dict[Order, str] = {
    "year first": "2026-12-31", "day first": "31.12.2026", "month first": "12/31/2026", "month by name": "31 Dec 2026",
}  # fmt: skip
PARTS = ("year", "sine of the day", "cosine of the day", "weekday")
TIME_PART = "time"
LONGEST = 40  # characters of a date
TRIED = 40  # texts after which an order is dropped unless half of them are dates of it


@dataclass(frozen=True)
class DateFormat:
    """The order of year, month and day in a column, and if its dates have a time."""

    order: Order
    has_time: bool

    @property
    def parts(self) -> tuple[str, ...]:
        return (*PARTS, TIME_PART) if self.has_time else PARTS

    def numbers(self, text: str) -> tuple[float, ...]:
        """The numbers of a date. Raises ValueError if the text is not a date of this order."""
        moment = parsed(text, self.order)
        start, end = date(moment.year, 1, 1), date(moment.year, 12, 31)
        angle = 2 * math.pi * (moment.date() - start).days / ((end - start).days + 1)
        time = (3600 * moment.hour + 60 * moment.minute + moment.second) / 86_400
        numbers = (float(moment.year), math.sin(angle), math.cos(angle), float(moment.weekday()))
        return (*numbers, time) if self.has_time else numbers

    @property
    def example(self) -> str:
        return f"{EXAMPLES[self.order]} 18:30" if self.has_time else EXAMPLES[self.order]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> "DateFormat":
        return cls(stored["order"], stored["has_time"])


def parsed(text: str, order: Order) -> datetime:
    """The moment that a text names. Raises ValueError."""
    match = next((match for form in PATTERNS[order] if (match := form.fullmatch(text.strip()[:LONGEST]))), None)
    if match is None:
        raise ValueError(text)
    named = match.groupdict()
    year, day = int(named["year"]), int(named["day"] or 1)
    if len(named["year"]) == 2:
        year += 1900 if year >= CENTURY else 2000
    month = MONTHS.index(named["name"][:3].lower()) + 1 if "name" in named else int(named["month"])
    hour, minute, second = (int(named[part] or 0) for part in ("hour", "minute", "second"))
    if named["half"]:
        hour = hour % 12 + (12 if named["half"].lower() == "pm" else 0)
    return datetime(year, month, day, hour, minute, second)


@dataclass
class DateSurvey:
    """The number of a column's texts so far that are dates, by their order.

    others: the first text that is not a date of this order, and its place.
    """

    count: int = 0
    dates: dict[Order, int] = field(default_factory=lambda: dict.fromkeys(FORMS, 0))
    others: dict[Order, tuple[str, str]] = field(default_factory=dict)
    has_time: bool = False
    example: str | None = None

    def see(self, text: str, place: Callable[[], str] = str) -> None:
        if not self.dates:
            return
        self.count += 1
        fitting = [order for order in self.dates if _is_date(text, order)]
        for order in fitting:
            self.dates[order] += 1
        for order in self.dates.keys() - fitting - self.others.keys():
            self.others[order] = text.strip()[:LONGEST], place()
        if fitting:
            self.has_time = self.has_time or ":" in text
            self.example = self.example or text.strip()
        if self.count >= TRIED and len(fitting) < len(self.dates):
            self.dates = {order: dates for order, dates in self.dates.items() if 2 * dates >= self.count}

    @property
    def is_open(self) -> bool:
        """True if further texts may be dates."""
        return bool(self.dates)

    @property
    def orders(self) -> list[Order]:
        """The orders in which all texts are dates."""
        return [order for order, dates in self.dates.items() if dates == self.count]

    @property
    def best(self) -> Order | None:
        """The order of most dates."""
        return max(self.dates, key=lambda order: self.dates[order], default=None)

    @property
    def format(self) -> DateFormat | None:
        """The format of the column; None if its texts are not all dates. A point separates day, month and year."""
        if not self.orders or self.example is None:
            return None
        return DateFormat(self.orders[0] if self._is_certain else self._likely, self.has_time)

    @property
    def is_guessed(self) -> bool:
        """True if the dates could begin with the day or with the month, and no sign tells."""
        return self.format is not None and not self._is_certain and "." not in (self.example or "")

    @property
    def _is_certain(self) -> bool:
        return len(self.orders) == 1

    @property
    def _likely(self) -> Order:
        return "month first" if "/" in (self.example or "") else "day first"


def _is_date(text: str, order: Order) -> bool:
    try:
        parsed(text, order)
    except ValueError:
        return False
    return True
