"""Batches of predictions: a run's predictions for a whole dataset, or for the inputs of an upload."""

from typing import Any

from sqlalchemy import delete as delete_rows
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.constants import BatchStatus
from app.errors import NotFound
from app.storage.audit import Action, record
from app.storage.database import database_now
from app.storage.ids import new_id
from app.storage.paging import Page, fetch_newest
from app.storage.queue.batch_claims import batch_claims
from app.storage.queue.claims import Now
from app.storage.tables import Batch
from app.storage.visibility import caller_of, require_own

FOLDER = "batches"


def new() -> str:
    """The id of a batch that is to be created."""
    return new_id("bat")


def folder(batch: str) -> str:
    """The folder of a batch's files."""
    return f"{FOLDER}/{batch}"


def upload_of(batch: str) -> str:
    """The file of a batch's upload."""
    return f"{folder(batch)}/upload"


def create(db: Session, id: str, run: str, weights: str, source: dict[str, Any], bytes: int) -> Batch:
    """Queue the predictions of a run for a source, of which so many bytes are stored: see `Batch`."""
    now = db.execute(select(database_now())).scalar_one()
    owner = caller_of(db).owner
    batch = Batch(
        id=id,
        owner=owner,
        status=BatchStatus.QUEUED,
        run=run,
        weights=weights,
        source=source,
        progress={},
        turn=batch_claims.next_turn(db, owner),
        bytes=bytes,
        attempt=0,
        deaths=0,
        created_at=now,
    )
    db.add(batch)
    db.flush()
    record(db, Action.BATCH_CREATE, id)
    return batch


def get(db: Session, id: str) -> Batch:
    """Raises NotFound."""
    batch = db.scalars(select(Batch).where(Batch.id == id)).one_or_none()
    if batch is None:
        raise NotFound("no_such_batch", batch=id)
    return batch


def page(db: Session, limit: int, before: str | None) -> Page[Batch]:
    """Up to `limit` batches older than the batch `before`, newest first.

    Raises Invalid for a cursor of another list.
    """
    return fetch_newest(db, select(Batch), Batch.id, "bat", limit, before)


def ended_for(db: Session, now: Now, seconds: float) -> list[str]:
    """Ids of the batches that ended so many seconds before `now`, oldest first."""
    return list(db.scalars(select(Batch.id).where(Batch.finished_at < now - seconds).order_by(Batch.id)))


def delete(db: Session, id: str) -> None:
    """Delete the row; the caller deletes the batch's folder before this transaction ends. A worker that holds the batch
    loses its lease. Raises NotFound and Forbidden."""
    require_own(db, get(db, id))
    db.execute(delete_rows(Batch).where(Batch.id == id))
    record(db, Action.BATCH_DELETE, id)
