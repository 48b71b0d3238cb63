"""Idempotency keys: a creating request that is sent again with its key finds what it made, and makes nothing."""

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.errors import Conflict, Invalid
from app.storage import datasets, runs
from app.storage.tables import Dataset, IdempotencyKey, Run


def run_made_by(db: Session, key: str, body_sha256: str) -> Run | None:
    """The run that this key made; raises Invalid if its request was another one."""
    found = _of(db, key, body_sha256)
    if found is None:
        return None
    if found.run is None:
        raise Invalid("this Idempotency-Key was used for a dataset; send a new key for a new request")
    return runs.get(db, found.run)


def dataset_made_by(db: Session, key: str, body_sha256: str) -> Dataset | None:
    """The dataset that this key made; raises Invalid if its request was another one."""
    found = _of(db, key, body_sha256)
    if found is None:
        return None
    if found.dataset is None:
        raise Invalid("this Idempotency-Key was used for a run; send a new key for a new request")
    return datasets.get(db, found.dataset)


def remember(db: Session, key: str, body_sha256: str, *, run: str | None = None, dataset: str | None = None) -> None:
    """Bind the key to what it makes, in the transaction that creates it. Waits for another request of this moment with
    the same key, and raises Conflict when that one has succeeded."""
    db.add(IdempotencyKey(key=key, body_sha256=body_sha256, run=run, dataset=dataset))
    try:
        db.flush()
    except IntegrityError as error:
        raise Conflict("another request with this Idempotency-Key came at this moment; send it again") from error


def _of(db: Session, key: str, body_sha256: str) -> IdempotencyKey | None:
    found = db.get(IdempotencyKey, key)
    if found is not None and found.body_sha256 != body_sha256:
        raise Invalid("this Idempotency-Key was used with another body; send a new key for a new request")
    return found
