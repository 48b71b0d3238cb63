"""Pages of a long list, each with the cursor of the next one."""

import re
from dataclasses import dataclass
from typing import Generic, TypeVar

from sqlalchemy import Select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.errors import Invalid
from app.storage.tables import AuditEntry, Batch, Dataset, Prediction, Run, Sweep

Item = TypeVar("Item")
Row = TypeVar("Row", Run, Dataset, AuditEntry, Batch, Prediction, Sweep)


@dataclass(frozen=True)
class Page(Generic[Item]):
    """Items, and the cursor of the next page if more follow; None otherwise."""

    items: list[Item]
    next: str | None


def checked_cursor(cursor: str | None, prefix: str) -> str | None:
    """The id after which a page begins, such as `run_01k9` with the prefix `run`; None for the first page.

    Raises Invalid for any other text.
    """
    if not cursor:
        return None
    if re.fullmatch(rf"{prefix}_\w+", cursor, re.ASCII) is None:
        raise Invalid("cursor_malformed", "cursor")
    return cursor


def fetch_newest(
    db: Session, query: Select[Row], id: InstrumentedAttribute[str], prefix: str, limit: int, cursor: str | None
) -> Page[Row]:
    """The newest `limit` rows after the cursor; ids with this prefix sort by their time. Raises Invalid for a cursor of
    another list."""
    last = checked_cursor(cursor, prefix)
    return fetch_page(db, (query if last is None else query.where(id < last)).order_by(id.desc()), limit)


def fetch_page(db: Session, query: Select[Row], limit: int) -> Page[Row]:
    """The first `limit` rows of an ordered query. One row more is read, to know whether more follow."""
    rows = list(db.scalars(query.limit(limit + 1)))
    return Page(rows[:limit], rows[limit - 1].id if len(rows) > limit else None)
