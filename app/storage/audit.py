"""The audit log: who changed what, and when. An entry is written in the transaction of its change."""

from enum import StrEnum

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.storage.database import database_now
from app.storage.ids import new_id
from app.storage.paging import Page, fetch_newest
from app.storage.tables import AuditEntry
from app.storage.visibility import caller_of


class Action(StrEnum):
    """A change that is logged."""

    RUN_CREATE = "run.create"
    RUN_CANCEL = "run.cancel"
    RUN_PAUSE = "run.pause"
    RUN_RESUME = "run.resume"
    RUN_CHANGE = "run.change"
    RUN_DELETE = "run.delete"
    DATASET_CREATE = "dataset.create"
    DATASET_CANCEL = "dataset.cancel"
    DATASET_DELETE = "dataset.delete"
    BATCH_CREATE = "batch.create"
    BATCH_DELETE = "batch.delete"
    SWEEP_CREATE = "sweep.create"
    SWEEP_CHANGE = "sweep.change"
    SWEEP_CANCEL = "sweep.cancel"
    SWEEP_DELETE = "sweep.delete"
    MODEL_POINT = "model.point"
    MODEL_DELETE = "model.delete"
    KEY_CREATE = "key.create"
    KEY_LIMIT = "key.limit"
    KEY_REVOKE = "key.revoke"
    SHARE_CREATE = "share.create"
    SHARE_DELETE = "share.delete"


def record(db: Session, action: Action, *targets: str) -> None:
    """Log that the session's caller changes the targets: ids, or names of models."""
    if not targets:
        return
    caller, now = caller_of(db), db.execute(select(database_now())).scalar_one()
    db.add_all(
        AuditEntry(id=new_id("aud"), at=now, owner=caller.owner, key=caller.key, action=action, target=target)
        for target in targets
    )


def page(db: Session, limit: int, before: str | None, owner: str | None = None) -> Page[AuditEntry]:
    """Up to `limit` entries older than the entry `before`, newest first; if given, of one owner's keys.

    Raises Invalid for a cursor of another list.
    """
    query = select(AuditEntry)
    if owner is not None:
        query = query.where(AuditEntry.owner == owner)
    return fetch_newest(db, query, AuditEntry.id, "aud", limit, before)
