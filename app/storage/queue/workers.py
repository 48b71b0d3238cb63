"""The registry of worker processes."""

from sqlalchemy import delete, insert, select, update
from sqlalchemy.orm import Session

from app.storage.queue.claims import Now
from app.storage.tables import Worker

FORGOTTEN_SECONDS = 86_400


def register(db: Session, id: str, concurrency: int, now: Now) -> None:
    """Add a worker that has started. Removes those without a heartbeat for a day."""
    db.execute(delete(Worker).where(Worker.heartbeat_at < now - FORGOTTEN_SECONDS))
    db.execute(insert(Worker).values(id=id, concurrency=concurrency, started_at=now, heartbeat_at=now))


def beat(db: Session, id: str, now: Now) -> None:
    """Record a worker's heartbeat."""
    db.execute(update(Worker).where(Worker.id == id).values(heartbeat_at=now))


def forget(db: Session, id: str) -> None:
    """Remove a worker that has ended."""
    db.execute(delete(Worker).where(Worker.id == id))


def alive(db: Session, now: Now, lease_seconds: float) -> list[Worker]:
    """Workers with a heartbeat within the last lease, oldest first."""
    is_alive = Worker.heartbeat_at > now - lease_seconds
    return list(db.scalars(select(Worker).where(is_alive).order_by(Worker.started_at)))
