"""The queue of imports is the dataset row, under the same lease and fence as a run's (see `leases`).

A dataset waits while it is `importing` and nobody's. It is held from the claim on; the fence asks for a holder too,
so that an attempt which was given back can change nothing even before the next one begins.
"""

from typing import Any

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from app.storage.queue.leases import MAX_DEATHS, LeaseLost, Now
from app.storage.tables import Dataset

NOBODYS = {"worker": None, "lease_expires_at": None}


def _free(now: Now) -> ColumnElement[bool]:
    """Nobody's, or held by a worker that let its lease run out."""
    return and_(Dataset.status == "importing", or_(Dataset.worker.is_(None), Dataset.lease_expires_at < now))


def any_free(db: Session, now: Now) -> bool:
    """Whether a claim would find something: a look that takes no lock."""
    return db.execute(select(Dataset.id).where(_free(now)).limit(1)).first() is not None


def claim(db: Session, worker: str, now: Now, lease_seconds: float) -> Dataset | None:
    """Take the first import that is free, for `lease_seconds`; None when there is none."""
    first = (
        select(Dataset.id)
        .where(_free(now))
        .order_by(Dataset.id)
        .limit(1)
        .with_for_update(skip_locked=True)
        .scalar_subquery()
    )
    return db.scalars(
        update(Dataset)
        .where(Dataset.id == first)
        .values(worker=worker, attempt=Dataset.attempt + 1, lease_expires_at=now + lease_seconds)
        .returning(Dataset)
        .execution_options(synchronize_session=False)
    ).one_or_none()


def mine(dataset: str, attempt: int) -> ColumnElement[bool]:
    """The fence: this attempt still holds the dataset."""
    held = and_(Dataset.status == "importing", Dataset.worker.is_not(None))
    return and_(Dataset.id == dataset, Dataset.attempt == attempt, held)


def write(db: Session, dataset: str, attempt: int, **values: Any) -> None:
    """Change the dataset if this attempt holds it; raises LeaseLost (and so rolls back) if not."""
    statement = update(Dataset).where(mine(dataset, attempt)).values(**values)
    if _rows(db, statement) != 1:
        raise LeaseLost(f"{dataset}: attempt {attempt} no longer holds the lease")


def renew(db: Session, dataset: str, attempt: int, now: Now, lease_seconds: float) -> None:
    """The heartbeat."""
    write(db, dataset, attempt, lease_expires_at=now + lease_seconds)


def give_back(db: Session, dataset: str, attempt: int, _now: Now) -> None:
    """Let another worker begin anew."""
    write(db, dataset, attempt, **NOBODYS)


def ready(
    db: Session, dataset: str, attempt: int, folder: str, about: dict[str, Any], skipped: list[dict[str, str]]
) -> None:
    """The arrays lie in their folder: from now on they are read."""
    write(db, dataset, attempt, status="ready", folder=folder, about=about, skipped=skipped, progress={}, **NOBODYS)


def cancel(db: Session, dataset: str) -> None:
    """End an import; whoever is at it finds that it lost its lease. One that has ended stays as it is."""
    importing = and_(Dataset.id == dataset, Dataset.status == "importing")
    values = {"status": "cancelled", "error": "it was cancelled", "progress": {}}
    _rows(db, update(Dataset).where(importing).values(**values, **NOBODYS))


def fail(db: Session, dataset: str, attempt: int, error: str) -> None:
    """The upload cannot become a dataset."""
    write(db, dataset, attempt, status="failed", error=error, progress={}, **NOBODYS)


def child_died(db: Session, dataset: str, attempt: int, error: str) -> None:
    """The child is dead without a result: try again, or fail with the reason at the third time."""
    deaths = db.execute(select(Dataset.deaths).where(mine(dataset, attempt))).scalar_one_or_none()
    if deaths is None:
        raise LeaseLost(f"{dataset}: attempt {attempt} no longer holds the lease")
    over = {"status": "failed", "error": error} if deaths + 1 >= MAX_DEATHS else {}
    write(db, dataset, attempt, deaths=deaths + 1, **NOBODYS, **over)


def release_worker(db: Session, worker: str, _now: Now) -> int:
    """Let others take all imports of a worker that is known to be dead; answers how many."""
    return _rows(db, update(Dataset).where(Dataset.worker == worker).values(**NOBODYS))


def _rows(db: Session, statement: Any) -> int:
    result = db.execute(statement.execution_options(synchronize_session=False))
    assert isinstance(result, CursorResult)
    return result.rowcount
