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
Now = float | FunctionElement[float]


class LeaseLost(Exception):
    """Another worker holds the run by now, or it has been cancelled: leave it."""


def _free(now: Now) -> ColumnElement[bool]:
    """Queued, or held by a worker that let its lease run out."""
    expired = and_(Run.status == "running", Run.lease_expires_at < now)
    return and_(Run.status.in_(("queued", "running")), or_(Run.status == "queued", expired))


def any_free(db: Session, now: Now) -> bool:
    """Whether a claim would find something: a look that takes no lock."""
    return db.execute(select(Run.id).where(_free(now)).limit(1)).first() is not None


def claim(db: Session, worker: str, now: Now, lease_seconds: float) -> Run | None:
    """Take the first run that is free, for `lease_seconds`; None when there is none."""
    first = (
        select(Run.id)
        .where(_free(now))
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


def give_back(db: Session, run: str, attempt: int) -> None:
    """Put the run back into the queue: the worker stops, or cannot go on, through no fault of the run."""
    write(db, run, attempt, status="queued", worker=None, lease_expires_at=None)


def end(db: Session, run: str, attempt: int, status: str, now: Now, **result: Any) -> None:
    """End the run with its result."""
    write(db, run, attempt, status=status, lease_expires_at=None, wanted=None, finished_at=now, **result)


def child_died(db: Session, run: str, attempt: int, now: Now, error: dict[str, Any]) -> None:
    """The child is dead without having ended its run: try again, or fail with the reason at the third time in a row.

    A new checkpoint sets the count of deaths back to 0. A run that was to be cancelled is cancelled.
    """
    row = db.execute(select(Run.deaths, Run.wanted).where(mine(run, attempt))).one_or_none()
    if row is None:
        raise LeaseLost(f"{run}: attempt {attempt} no longer holds the lease")
    if row.wanted == "cancel":
        end(db, run, attempt, "cancelled", now, stop_reason="cancelled")
    elif row.deaths + 1 >= MAX_DEATHS:
        end(db, run, attempt, "failed", now, error=error, deaths=row.deaths + 1)
    else:
        write(db, run, attempt, status="queued", worker=None, lease_expires_at=None, deaths=row.deaths + 1)


def release_worker(db: Session, worker: str) -> int:
    """Put back all runs of a worker that is known to be dead; answers how many."""
    statement = (
        update(Run)
        .where(Run.worker == worker, Run.status == "running")
        .values(status="queued", worker=None, lease_expires_at=None)
        .execution_options(synchronize_session=False)
    )
    result = db.execute(statement)
    assert isinstance(result, CursorResult)
    return result.rowcount
