"""The workers that are or were alive."""

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from app.storage.leases import Now
from app.storage.tables import Worker


def register(db: Session, id: str, concurrency: int, now: Now) -> None:
    """A worker has started."""
    db.execute(insert(Worker).values(id=id, concurrency=concurrency, started_at=now, heartbeat_at=now))


def beat(db: Session, id: str, now: Now) -> None:
    """A worker is alive."""
    db.execute(update(Worker).where(Worker.id == id).values(heartbeat_at=now))


def forget(db: Session, id: str) -> None:
    """A worker has ended."""
    db.execute(delete(Worker).where(Worker.id == id))


def known(db: Session) -> list[Worker]:
    """All of them, the oldest first."""
    return list(db.scalars(select(Worker).order_by(Worker.started_at)))
