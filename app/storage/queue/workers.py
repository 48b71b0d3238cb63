"""The workers that are or were alive."""

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from app.storage.queue.leases import Now
from app.storage.tables import Worker

FORGOTTEN_SECONDS = 86_400


def register(db: Session, id: str, concurrency: int, now: Now) -> None:
    """A worker has started; those that fell silent on other machines long ago are forgotten."""
    db.execute(delete(Worker).where(Worker.heartbeat_at < now - FORGOTTEN_SECONDS))
    db.execute(insert(Worker).values(id=id, concurrency=concurrency, started_at=now, heartbeat_at=now))


def beat(db: Session, id: str, now: Now) -> None:
    """A worker is alive."""
    db.execute(update(Worker).where(Worker.id == id).values(heartbeat_at=now))


def forget(db: Session, id: str) -> None:
    """A worker has ended."""
    db.execute(delete(Worker).where(Worker.id == id))


def alive(db: Session, now: Now, lease_seconds: float) -> list[Worker]:
    """Those that were heard of within a lease, the oldest first."""
    heard = Worker.heartbeat_at > now - lease_seconds
    return list(db.scalars(select(Worker).where(heard).order_by(Worker.started_at)))
