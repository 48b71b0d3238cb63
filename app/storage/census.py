"""Counts of a service as a whole, for its metrics."""

from dataclasses import dataclass

from sqlalchemy import func, select
from sqlalchemy.orm import InstrumentedAttribute, Session

from app.constants import RunStatus
from app.storage.database import database_now
from app.storage.queue import workers
from app.storage.tables import Dataset, Run


@dataclass(frozen=True)
class Census:
    """Runs and datasets by status, the age of the oldest queued run in seconds (0 if none waits), live workers and the
    runs that they can train at once, and the sum of the steps per second of all running runs."""

    runs: dict[str, int]
    datasets: dict[str, int]
    oldest_seconds: float
    workers: int
    capacity: int
    steps_per_second: float


def take_census(db: Session, lease_seconds: float) -> Census:
    """Count what there is now."""
    waiting = select(func.min(Run.created_at), database_now()).where(Run.status == RunStatus.QUEUED)
    oldest, now = db.execute(waiting).one()
    alive = workers.alive(db, database_now(), lease_seconds)
    running = db.scalars(select(Run.progress).where(Run.status == RunStatus.RUNNING))
    return Census(
        runs=_counts(db, Run.status),
        datasets=_counts(db, Dataset.status),
        oldest_seconds=0.0 if oldest is None else max(0.0, now - oldest),
        workers=len(alive),
        capacity=sum(worker.concurrency for worker in alive),
        steps_per_second=sum((progress or {}).get("steps_per_second") or 0.0 for progress in running),
    )


def _counts(db: Session, status: InstrumentedAttribute[str]) -> dict[str, int]:
    return {value: count for value, count in db.execute(select(status, func.count()).group_by(status))}
