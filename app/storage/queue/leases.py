"""The queue is the run row: claiming, renewing, giving back and ending under a fence.

Time is an argument (`now`: the database's clock in the service, a number in tests). The attempt is the fencing token:
every write of a worker goes through `mine`, and a row count of 0 means that the lease is lost and nothing was changed.
"""

from typing import Any

from sqlalchemy import ColumnElement, and_, case, or_, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session
from sqlalchemy.sql.functions import FunctionElement

from app.storage.tables import Run

MAX_DEATHS = 3
WISHES = {"cancel": "cancelled", "pause": "paused"}  # what `wanted` may be, and the status that follows
NOBODYS = {"wanted": None, "worker": None, "lease_expires_at": None}
Now = float | FunctionElement[float]


class LeaseLost(Exception):
    """Another worker holds the run by now, or it has been cancelled: leave it."""


def waiting(now: Now) -> ColumnElement[bool]:
    """Queued, or held by a worker that let its lease run out: for everybody but that worker the same."""
    expired = and_(Run.status == "running", Run.lease_expires_at < now)
    return and_(Run.status.in_(("queued", "running")), or_(Run.status == "queued", expired))


def held(now: Now) -> ColumnElement[bool]:
    """Running, under a lease that has not run out."""
    return and_(Run.status == "running", Run.lease_expires_at >= now)


def any_free(db: Session, now: Now) -> bool:
    """Whether a claim would find something: a look that takes no lock."""
    return db.execute(select(Run.id).where(waiting(now)).limit(1)).first() is not None


def claim(db: Session, worker: str, now: Now, lease_seconds: float) -> Run | None:
    """Take the first run that is free, for `lease_seconds`; None when there is none."""
    first = (
        select(Run.id)
        .where(waiting(now))
        .order_by(Run.priority.desc(), Run.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    return db.scalars(
        update(Run)
        .where(Run.id == first)
        .values(
            status="running",
            worker=worker,
            attempt=Run.attempt + 1,
            lease_expires_at=now + lease_seconds,
            started_at=case((Run.started_at.is_(None), now), else_=Run.started_at),
        )
        .returning(Run)
        .execution_options(synchronize_session=False)
    ).one_or_none()


def mine(run: str, attempt: int) -> ColumnElement[bool]:
    """The fence: this attempt still holds the run."""
    return and_(Run.id == run, Run.attempt == attempt, Run.status == "running")


def write(db: Session, run: str, attempt: int, **values: Any) -> None:
    """Change the run if this attempt holds it; raises LeaseLost (and so rolls back) if not."""
    statement = update(Run).where(mine(run, attempt)).values(**values).execution_options(synchronize_session=False)
    result = db.execute(statement)
    assert isinstance(result, CursorResult)
    if result.rowcount != 1:
        raise LeaseLost(f"{run}: attempt {attempt} no longer holds the lease")


def renew(db: Session, run: str, attempt: int, now: Now, lease_seconds: float) -> None:
    """The heartbeat."""
    write(db, run, attempt, lease_expires_at=now + lease_seconds)


def wanted(db: Session, run: str, attempt: int) -> str | None:
    """What a user wants of the running attempt ("cancel", "pause" or None); raises LeaseLost."""
    row = db.execute(select(Run.wanted).where(mine(run, attempt))).one_or_none()
    if row is None:
        raise LeaseLost(f"{run}: attempt {attempt} no longer holds the lease")
    return row[0]


def left(now: Now) -> dict[str, Any]:
    """What a run becomes when its worker leaves it unfinished: what its user wanted by then, else queued again.

    The row is asked, not the order that the worker followed: a cancel may come while a pause is under way.
    """
    cancelled = Run.wanted == "cancel"
    return {
        "status": case(WISHES, value=Run.wanted, else_="queued"),
        "stop_reason": case((cancelled, "cancelled"), else_=Run.stop_reason),
        "finished_at": case((cancelled, now), else_=Run.finished_at),
    } | NOBODYS


def give_back(db: Session, run: str, attempt: int, now: Now) -> None:
    """Leave the run to the next worker: this one stops, or cannot go on, through no fault of the run."""
    write(db, run, attempt, **left(now))


def end(db: Session, run: str, attempt: int, status: str, now: Now, **result: Any) -> None:
    """End the run with its result."""
    write(db, run, attempt, status=status, lease_expires_at=None, wanted=None, finished_at=now, **result)


def child_died(db: Session, run: str, attempt: int, now: Now, error: dict[str, Any]) -> None:
    """The child is dead without having ended its run: try again, or fail with the reason at the third time in a row.

    A new checkpoint sets the count of deaths back to 0. A run that was to be cancelled or paused is that.
    """
    row = db.execute(select(Run.deaths, Run.wanted).where(mine(run, attempt))).one_or_none()
    if row is None:
        raise LeaseLost(f"{run}: attempt {attempt} no longer holds the lease")
    if row.deaths + 1 >= MAX_DEATHS and row.wanted != "cancel":
        end(db, run, attempt, "failed", now, error=error, deaths=row.deaths + 1)
    else:
        write(db, run, attempt, deaths=row.deaths + 1, **left(now))


def release_worker(db: Session, worker: str, now: Now) -> int:
    """Leave all runs of a worker that is known to be dead to the others; answers how many."""
    statement = (
        update(Run)
        .where(Run.worker == worker, Run.status == "running")
        .values(**left(now))
        .execution_options(synchronize_session=False)
    )
    result = db.execute(statement)
    assert isinstance(result, CursorResult)
    return result.rowcount
