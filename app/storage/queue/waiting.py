"""The waiting runs in the order of claiming, page by page."""

import math
from collections.abc import Iterable
from itertools import dropwhile, islice
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.access import NO_OWNER
from app.errors import Invalid
from app.storage.paging import Page
from app.storage.queue.claims import Now
from app.storage.queue.run_claims import run_claims
from app.storage.queue.turns import Line, Turn, in_order
from app.storage.tables import WITHOUT_EVALUATION, Run
from app.storage.visibility import caller_of


class Waiting(NamedTuple):
    """A waiting run, and the runs that come before it: all, those with a higher priority, and those of other owners."""

    run: Run
    ahead: int
    urgent: int
    others: int


def page(db: Session, now: Now, limit: int, cursor: str | None) -> Page[Waiting]:
    """Up to `limit` waiting runs after the cursor, of the owners whom the session's caller sees. Raises Invalid.

    A run keeps its turn when another one is claimed, so claims do not shift the pages.
    """
    lines, caller = run_claims.lines(db, now), caller_of(db)
    entries = in_order(line for line in lines if caller.is_admin or line.owner in (caller.owner, NO_OWNER))
    if cursor is not None:
        last = _turn(cursor)
        entries = dropwhile(lambda turn: turn <= last, entries)
    chosen = list(islice(entries, limit + 1))
    runs = _runs(db, now, chosen[:limit])
    items = [_waiting(runs[turn], turn, lines) for turn in chosen[:limit] if turn in runs]
    return Page(items, _cursor(chosen[limit - 1]) if len(chosen) > limit else None)


def _runs(db: Session, now: Now, turns: Iterable[Turn]) -> dict[Turn, Run]:
    """The runs with these turns, but for one that has been claimed just now."""
    sought = {(turn.owner, turn.precedence, turn.rank): turn for turn in turns}
    places = run_claims.at(db, now, sought)
    runs = {run.id: run for run in db.scalars(select(Run).where(Run.id.in_(places)).options(WITHOUT_EVALUATION))}
    return {sought[place]: runs[id] for id, place in places.items() if id in runs}


def _waiting(run: Run, turn: Turn, lines: Iterable[Line]) -> Waiting:
    before = [(line, line.before(turn)) for line in lines]
    return Waiting(
        run,
        ahead=sum(number for _, number in before),
        urgent=sum(number for line, number in before if line.precedence < turn.precedence),
        others=sum(number for line, number in before if line.owner != turn.owner),
    )


def _cursor(turn: Turn) -> str:
    return f"{turn.precedence},{turn.served!r},{turn.rank},{turn.joined},{turn.owner}"


def _turn(cursor: str) -> Turn:
    """The turn of a cursor. Raises Invalid."""
    try:
        precedence, served, rank, joined, owner = cursor.split(",", 4)
        turn = Turn(float(precedence), float(served), joined, owner, int(rank))
    except ValueError as error:
        raise Invalid("cursor_malformed", "cursor") from error
    if math.isnan(turn.precedence) or math.isnan(turn.served):
        raise Invalid("cursor_malformed", "cursor")
    return turn
