"""The waiting runs in the order of claiming, page by page."""

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from heapq import merge
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


class Before(NamedTuple):
    """The numbers of runs that come before a waiting one: all, those with a higher priority, those of other owners."""

    ahead: int
    urgent: int
    others: int


@dataclass(frozen=True)
class Waiting:
    """A waiting run, and those that come before it."""

    run: Run
    before: Before


def page(db: Session, now: Now, limit: int, cursor: str | None) -> Page[Waiting]:
    """Up to `limit` waiting runs after the cursor, of the owners whom the session's caller sees. Raises Invalid.

    A run keeps its turn when another one is claimed, so claims do not shift the pages.
    """
    lines, caller = run_claims.lines(db, now), caller_of(db)
    entries = in_order(line for line in lines if caller.is_admin or line.owner in (caller.owner, NO_OWNER))
    if cursor:
        last = _turn(cursor)
        entries = dropwhile(lambda turn: turn <= last, entries)
    chosen = list(islice(entries, limit + 1))
    runs = _runs(db, now, chosen[:limit])
    items = [Waiting(runs[turn], before) for turn, before in numbers_before(chosen[:limit], lines) if turn in runs]
    return Page(items, _cursor(chosen[limit - 1]) if len(chosen) > limit else None)


def _runs(db: Session, now: Now, turns: Iterable[Turn]) -> dict[Turn, Run]:
    """The runs with these turns, but for one that has been claimed just now."""
    sought = {(turn.owner, turn.precedence, turn.rank): turn for turn in turns}
    places = run_claims.at(db, now, sought)
    runs = {run.id: run for run in db.scalars(select(Run).where(Run.id.in_(places)).options(WITHOUT_EVALUATION))}
    return {sought[place]: runs[id] for id, place in places.items() if id in runs}


def numbers_before(chosen: Sequence[Turn], lines: Sequence[Line]) -> Iterator[tuple[Turn, Before]]:
    """The numbers of runs before each turn, for turns in the order of claiming."""
    if not chosen:
        return
    starts = [line.before(chosen[0]) for line in lines]
    ahead, of_owner = sum(starts), Counter[str]()
    for line, start in zip(lines, starts, strict=True):
        of_owner[line.owner] += start
    following = merge(*(line.turns(start) for line, start in zip(lines, starts, strict=True)))
    urgent = {
        precedence: sum(line.count for line in lines if line.precedence < precedence)
        for precedence in {turn.precedence for turn in chosen}
    }
    for turn in chosen:
        for other in following:
            if other == turn:
                break
            ahead += 1
            of_owner[other.owner] += 1
        yield turn, Before(ahead, urgent[turn.precedence], others=ahead - of_owner[turn.owner])
        ahead += 1
        of_owner[turn.owner] += 1


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
