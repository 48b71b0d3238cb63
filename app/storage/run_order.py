"""Orders of a list of runs, and the cursors of its pages.

A cursor names the last run of a page by its id and by the value that it was sorted by, such as `run_01k9=0.97`. So runs
that are added or deleted meanwhile do not shift the pages.
"""

import math
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, case, or_

from app.errors import Invalid
from app.learning.evaluation import METRICS
from app.storage.jsonable import NOT_FINITE
from app.storage.tables import Run

PARTS = ("train", "validation", "test")
MEASURED = tuple(dict.fromkeys(name for names in METRICS.values() for name in names))  # without repetitions
Value = SQLColumnExpression[Any]
VALUES: dict[str, Value] = {"finished_at": Run.finished_at, "name": Run.name, "bytes": Run.bytes}


@dataclass(frozen=True)
class RunOrder:
    """The order by a value of the runs; those without it come last, and equal ones are in the order of their ids.

    `value` is None for the order by creation, which is that of the ids.
    """

    value: Value | None
    descending: bool

    @classmethod
    def by(cls, sort: str) -> "RunOrder":
        """The order for `created_at`, a key of VALUES or a metric such as `test.accuracy`; a minus means descending."""
        name = sort.removeprefix("-")
        part, _, metric = name.partition(".")
        value = None if name == "created_at" else metric_of(part, metric) if metric else VALUES[name]
        return cls(value, descending=sort.startswith("-"))

    def keys(self) -> list[ColumnElement[Any]]:
        """The ORDER BY clause."""
        by: list[Value] = [Run.id] if self.value is None else [self.value, Run.id]
        keys: list[ColumnElement[Any]] = [column.desc() if self.descending else column.asc() for column in by]
        return keys if self.value is None else [self.value.is_(None), *keys]

    def cursor(self, id: str, value: Any) -> str:
        """The cursor after the run with this id and value."""
        return id if value is None else f"{id}={value}"

    def after(self, cursor: str) -> ColumnElement[bool]:
        """Condition: the run comes after the cursor. Raises Invalid."""
        id, _, text = cursor.partition("=")
        later = _beyond(Run.id, id, self.descending)
        if self.value is None:
            return later
        if id == cursor:
            return and_(self.value.is_(None), later)
        value = text if self.value is VALUES["name"] else _number(text)
        return or_(
            self.value.is_(None),
            _beyond(self.value, value, self.descending),
            and_(self.value == value, later),
        )


NEWEST_FIRST = RunOrder(None, descending=True)


def _beyond(column: Value, value: Any, descending: bool) -> ColumnElement[bool]:
    beyond: ColumnElement[bool] = column < value if descending else column > value
    return beyond


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise Invalid("cursor_malformed", "cursor")
    return number


def metric_of(part: str, name: str) -> Value:
    """A metric of a part; NULL before it is measured, and where it is not finite."""
    measured = Run.metrics[(part, name)]
    return case((measured.as_string().not_in(NOT_FINITE), measured.as_float()))
