"""Views of runs: the row, and its place in the queue."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.constants import RunStatus
from app.storage.database import database_now
from app.storage.queue.pace import pace
from app.storage.queue.run_claims import run_claims
from app.storage.tables import Run


@dataclass(frozen=True)
class QueuePlace:
    """The position in the queue (1 is next) and the estimated start, in seconds since 1970 (None if unknown)."""

    position: int
    estimated_start: float | None


@dataclass(frozen=True)
class RunView:
    """A run; `queue` is None unless it waits for a worker."""

    run: Run
    queue: QueuePlace | None

    @property
    def status(self) -> RunStatus:
        """The status that readers see."""
        return RunStatus.QUEUED if self.queue else RunStatus(self.run.status)


def view(db: Session, run: Run) -> RunView:
    """The view of one run."""
    return views(db, [run])[0]


def views(db: Session, rows: Sequence[Run]) -> list[RunView]:
    """The views of several runs, which share one estimate of the queue's throughput."""
    now = db.execute(select(database_now())).scalar_one()
    waiting = [run for run in rows if _waits(run, now)]
    if not waiting:
        return [RunView(run, None) for run in rows]
    positions, estimate = run_claims.positions(db, waiting, now), pace(db, now)

    def place(position: int | None) -> QueuePlace | None:
        if position is None:
            return None
        return QueuePlace(position, estimate.start(position) if estimate else None)

    return [RunView(run, place(positions.get(run.id))) for run in rows]


def status_of(run: Run, now: float) -> RunStatus:
    """The status that readers see: a run whose lease has expired is queued again."""
    return RunStatus.QUEUED if _waits(run, now) else RunStatus(run.status)


def _waits(run: Run, now: float) -> bool:
    """True if the run is queued, or running under a lease that has expired."""
    expired = run.status == RunStatus.RUNNING and run.lease_expires_at is not None and run.lease_expires_at < now
    return run.status == RunStatus.QUEUED or expired
