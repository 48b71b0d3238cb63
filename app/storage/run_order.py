"""Orders of a list of runs, and the cursors of its pages.

A cursor names the last run of a page by its id and by the value that it was sorted by, such as `run_01k9=0.97`. So runs
that are added or deleted meanwhile do not shift the pages.
"""

import math
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, SQLColumnExpression, and_, true, tuple_

from app.errors import Invalid
from app.storage.measured import measured
from app.storage.paging import checked_cursor
from app.storage.tables import Run

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
        value = None if name == "created_at" else measured(Run.metrics, part, metric) if metric else VALUES[name]
        return cls(value, descending=sort.startswith("-"))

    def sections(self, cursor: str | None) -> list["Section"]:
        """The order in sections, from the cursor on: first the runs with the value, then those without it. In each, an
        index can have the order. Raises Invalid."""
        if self.value is None:
            return [self._section(true(), [Run.id], (last := checked_cursor(cursor, "run")) and [last])]
        known, unknown = self.value.is_not(None), self.value.is_(None)
        id, sign, text = (cursor or "").partition("=")
        checked_cursor(id, "run")
        if cursor and not sign:
            return [self._section(unknown, [Run.id], [id])]
        value = text if self.value is VALUES["name"] else _number(text) if sign else None
        with_value = self._section(known, [self.value, Run.id], cursor and [value, id])
        return [with_value, self._section(unknown, [Run.id], None)]

    def _section(self, holds: ColumnElement[bool], keys: list[Value], last: Any) -> "Section":
        """The runs for which a condition holds, by the keys; only those after the last one, if it is given."""
        if last:
            # The first key says nothing new, but it is all that SQLite looks up in an index.
            key, previous, first = tuple_(*keys), tuple_(*last), keys[0]
            beyond = (first <= last[0], key < previous) if self.descending else (first >= last[0], key > previous)
            holds = and_(holds, *beyond)
        return Section(holds, [key.desc() if self.descending else key.asc() for key in keys])

    def cursor(self, id: str, value: Any) -> str:
        """The cursor after the run with this id and value."""
        return id if value is None else f"{id}={value}"


@dataclass(frozen=True)
class Section:
    """A part of an order: the condition of its runs, and the ORDER BY clause."""

    holds: ColumnElement[bool]
    ordering: list[ColumnElement[Any]]


NEWEST_FIRST = RunOrder(None, descending=True)


def _number(text: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise Invalid("cursor_malformed", "cursor")
    return number
