"""The registry of worker processes."""

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from app.constants import DatasetStatus
from app.storage.queue.batch_claims import batch_claims
from app.storage.queue.claims import OPEN, Now
from app.storage.queue.run_claims import run_claims
from app.storage.tables import Batch, Dataset, Run, Worker
from app.storage.visibility import EVERYONES

FORGOTTEN_SECONDS = 86_400


def register(db: Session, id: str, concurrency: int, now: Now) -> None:
    """Add a worker that has started. Removes those without a heartbeat for a day."""
    db.execute(delete(Worker).where(Worker.heartbeat_at < now - FORGOTTEN_SECONDS))
    db.execute(insert(Worker).values(id=id, concurrency=concurrency, started_at=now, heartbeat_at=now))


def beat(db: Session, id: str, now: Now) -> None:
    """Record a worker's heartbeat."""
    db.execute(update(Worker).where(Worker.id == id).values(heartbeat_at=now))


def resize(db: Session, id: str, concurrency: int) -> None:
    """Change the number of runs that a worker can train at once."""
    db.execute(update(Worker).where(Worker.id == id).values(concurrency=concurrency))


def forget(db: Session, id: str) -> None:
    """Remove a worker that has ended."""
    db.execute(delete(Worker).where(Worker.id == id))


def open_work(db: Session) -> int:
    """Number of runs, imports and batches that a worker holds or has to take."""
    runs = select(func.count()).select_from(Run).where(Run.status.in_(OPEN))
    imports = select(func.count()).select_from(Dataset).where(Dataset.status == DatasetStatus.IMPORTING)
    batches = select(func.count()).select_from(Batch).where(batch_claims.is_open)
    return sum(db.execute(query).scalar_one() for query in (runs, imports, batches))


def places(db: Session, now: Now, lease_seconds: float) -> int:
    """Number of runs that the workers which are alive can train at once."""
    return sum(worker.concurrency for worker in alive(db, now, lease_seconds))


def waiting(db: Session, now: Now) -> int:
    """Number of runs that wait for a worker."""
    claimable = select(func.count()).select_from(Run).where(run_claims.claimable(now))
    return db.execute(claimable, execution_options=EVERYONES).scalar_one()


def training(db: Session, now: Now) -> int:
    """Number of runs that workers hold."""
    held = select(func.count()).select_from(Run).where(run_claims.leased(now))
    return db.execute(held, execution_options=EVERYONES).scalar_one()


def alive(db: Session, now: Now, lease_seconds: float) -> list[Worker]:
    """Workers with a heartbeat within the last lease, oldest first."""
    is_alive = Worker.heartbeat_at > now - lease_seconds
    return list(db.scalars(select(Worker).where(is_alive).order_by(Worker.started_at)))
