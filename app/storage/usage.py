"""Present use of an owner: runs and batches that have not ended, and stored bytes."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.constants import DELETED
from app.storage.datasets import advisory_lock
from app.storage.queue.run_claims import run_claims
from app.storage.tables import Batch, Dataset, Prediction, Run, ShadowDifference
from app.storage.visibility import EVERYONES


def lock(db: Session, owner: str) -> None:
    """Let no other transaction count for this owner before this one ends: what it adds is counted next time."""
    advisory_lock(db, f"usage {owner}")


def open_jobs(db: Session, owner: str) -> int:
    """Number of the owner's runs that wait or train, and of its batches that have not ended."""
    runs = select(func.count()).select_from(Run).where(run_claims.is_open, Run.owner == owner)
    batches = select(func.count()).select_from(Batch).where(Batch.finished_at.is_(None), Batch.owner == owner)
    return sum(db.execute(query).scalar_one() for query in (runs, batches))


def stored_bytes(db: Session, owner: str) -> int:
    """Bytes of the owner's runs, datasets and batches, and of the inputs that its models have logged; without those of
    older versions, whose size is not known."""
    of_runs = select(func.sum(Run.bytes)).where(Run.owner == owner, Run.status != DELETED)
    of_datasets = select(func.sum(Dataset.bytes)).where(Dataset.owner == owner)
    of_batches = select(func.sum(Batch.bytes)).where(Batch.owner == owner)
    logged = select(func.sum(func.length(Prediction.content))).where(Prediction.model_owner == owner)
    compared = select(func.sum(func.length(ShadowDifference.content))).where(ShadowDifference.owner == owner)
    sizes = (of_runs, of_datasets, of_batches, logged, compared)
    return sum(int(db.execute(query, execution_options=EVERYONES).scalar_one() or 0) for query in sizes)
