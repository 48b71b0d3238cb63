"""The turns of owners in the queue of runs: of equal priority, the next run is of the owner who has been served least.

Served are the seconds that an owner's runs have trained. A run that trains counts as one more run of mean length, so
that workers who claim at the same moment serve different owners. An owner who returns after a pause begins where the
least served of those with open runs stands: idle time is not saved up.

`Turn` is the order; claims, positions, estimates and the list of the queue all follow from it.
"""

import heapq
import math
from bisect import bisect_left
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from sqlalchemy import CTE, ColumnElement, bindparam, case, exists, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session, aliased

from app.constants import RunStatus
from app.storage.database import changed_rows
from app.storage.tables import OwnerTurn, Run
from app.storage.visibility import EVERYONES

RECENT = 20  # succeeded runs whose training times are averaged
# The condition of `ix_runs_succeeded`. SQLite uses a partial index only if the values are written out.
_SUCCEEDED = Run.status == bindparam("succeeded", RunStatus.SUCCEEDED, literal_execute=True)


class Turn(NamedTuple):
    """The place of a waiting run in the order of claiming, in which the smaller one comes first."""

    precedence: float  # by the first key of the order, such as the priority; less means earlier
    served: float  # seconds that the owner will have been served when it is the run's turn
    joined: str
    owner: str
    rank: int  # number of the owner's runs of this precedence before it


AT_ONCE = Turn(-math.inf, 0.0, "", "", 0)


@dataclass(frozen=True)
class Line:
    """The waiting runs of one owner that have the same precedence. `mean` is the length of a run in seconds."""

    owner: str
    precedence: float
    count: int
    served: float
    joined: str
    mean: float

    def turn(self, rank: int) -> Turn:
        """The turn of the line's run with this rank."""
        return Turn(self.precedence, self.served + rank * self.mean, self.joined, self.owner, rank)

    def before(self, turn: Turn) -> int:
        """Number of the line's runs that come before the turn."""
        if self.precedence != turn.precedence:
            return self.count if self.precedence < turn.precedence else 0
        return bisect_left(range(self.count), turn, key=self.turn)

    def turns(self, start: int = 0) -> Iterator[Turn]:
        """The turns of the line's runs, from the rank `start` on."""
        return map(self.turn, range(start, self.count))


def ahead(lines: Iterable[Line], turn: Turn) -> int:
    """Number of runs that come before the turn."""
    return sum(line.before(turn) for line in lines)


def in_order(lines: Iterable[Line]) -> Iterator[Turn]:
    """The turns of all waiting runs, in the order of claiming."""
    return heapq.merge(*(line.turns() for line in lines))


class Served(NamedTuple):
    """The seconds that count as served to an owner, and the run with which it joined."""

    seconds: float
    joined: str


class Service(NamedTuple):
    """The seconds that count as served to each owner, and the mean length of a run."""

    owners: dict[str, Served]
    mean: float

    def line(self, owner: str, precedence: float, count: int) -> Line:
        """The owner's line with so many runs."""
        served = self.owners.get(owner, Served(0.0, ""))
        return Line(owner, precedence, count, served.seconds, served.joined, self.mean)

    def turn(self, owner: str, precedence: float) -> Turn:
        """The turn of the owner's next run."""
        return self.line(owner, precedence, 1).turn(0)


def service(db: Session, leased: ColumnElement[bool]) -> Service:
    """The present service of all owners; `leased` is the condition of the runs that train."""
    mean = mean_seconds(db) or 1.0
    training = select(func.count()).where(leased, Run.owner == OwnerTurn.owner).scalar_subquery()
    rows = db.execute(
        select(OwnerTurn.owner, OwnerTurn.served + training * mean, OwnerTurn.joined), execution_options=EVERYONES
    )
    return Service({owner: Served(seconds, joined) for owner, seconds, joined in rows}, mean)


def mean_seconds(db: Session) -> float | None:
    """The mean training time of the runs that succeeded last; None before the first one has."""
    trained = select(Run.progress["seconds"].as_float().label("trained")).where(_SUCCEEDED)
    recent = trained.order_by(Run.finished_at.desc()).limit(RECENT).subquery()
    mean: float | None = db.execute(select(func.avg(recent.c.trained)), execution_options=EVERYONES).scalar_one()
    return mean


def owners(is_open: ColumnElement[bool]) -> CTE:
    """The owners of open runs. Each step looks up the next one in the index, however many runs there are."""
    first = select(Run.owner).where(is_open).order_by(Run.owner).limit(1).scalar_subquery()
    found = select(first.label("owner")).cte("owners", recursive=True)
    following = select(Run.owner).where(is_open, Run.owner > found.c.owner).order_by(Run.owner).limit(1)
    return found.union_all(select(following.scalar_subquery()).where(found.c.owner.is_not(None)))


def charge(db: Session, run: str, seconds: float) -> None:
    """Count seconds of training as served to the run's owner."""
    owner = select(Run.owner).where(Run.id == run).scalar_subquery()
    changed_rows(db, update(OwnerTurn).where(OwnerTurn.owner == owner).values(served=OwnerTurn.served + seconds))


def join(db: Session, owner: str, run: str, is_open: ColumnElement[bool]) -> None:
    """Let the owner take turns, as of this run, which has just been queued. An owner with other open runs already
    does."""
    insert = sqlite.insert if db.get_bind().dialect.name == "sqlite" else postgresql.insert
    db.execute(insert(OwnerTurn).values(owner=owner, served=0.0, joined=run).on_conflict_do_nothing())
    another = aliased(OwnerTurn)
    has_others = exists().where(is_open, Run.owner == OwnerTurn.owner, Run.id != run)
    takes_turns = exists().where(is_open, Run.owner == another.owner, Run.id != run)
    least = select(func.coalesce(func.min(another.served), 0.0)).where(takes_turns).scalar_subquery()
    served = case((OwnerTurn.served < least, least), else_=OwnerTurn.served)
    returns = update(OwnerTurn).where(OwnerTurn.owner == owner, ~has_others).values(served=served, joined=run)
    changed_rows(db, returns.execution_options(**EVERYONES))
