"""Idempotency keys: a creating request that is sent again with its key finds what it made, and makes nothing."""

from collections.abc import Callable
from typing import Literal, TypeVar

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.errors import Conflict, Invalid
from app.storage import datasets, runs
from app.storage.tables import Dataset, IdempotencyKey, Run

Made = TypeVar("Made")


def run_made_by(db: Session, key: str, body_sha256: str) -> Run | None:
    """The run that this key made; raises Invalid if its request was another one."""
    found = _made(db, key, body_sha256, "run")
    return None if found is None else runs.get(db, found)


def dataset_made_by(db: Session, key: str, body_sha256: str) -> Dataset | None:
    """The dataset that this key made; raises Invalid if its request was another one."""
    found = _made(db, key, body_sha256, "dataset")
    return None if found is None else datasets.get(db, found)


def remember(db: Session, key: str, body_sha256: str, *, run: str | None = None, dataset: str | None = None) -> None:
    """Bind the key to what it makes, in the transaction that creates it. Waits for another request of this moment with
    the same key, and raises Conflict when that one has succeeded."""
    db.add(IdempotencyKey(key=key, body_sha256=body_sha256, run=run, dataset=dataset))
    try:
        db.flush()
    except IntegrityError as error:
        raise Conflict("another request with this Idempotency-Key came at this moment; send it again") from error


def once(find: Callable[[], Made | None], create: Callable[[], Made]) -> Made:
    """What `find` finds that a request's key has made, else what `create` makes now. When that meets a Conflict, the
    same request may have come twice at this moment, and the other one was first: it is looked for again."""
    found = find()
    if found is not None:
        return found
    try:
        return create()
    except Conflict:
        found = find()
        if found is None:
            raise
        return found


def _made(db: Session, key: str, body_sha256: str, kind: Literal["run", "dataset"]) -> str | None:
    """The id of what this key made."""
    found = db.get(IdempotencyKey, key)
    if found is None:
        return None
    if found.body_sha256 != body_sha256:
        raise Invalid("this Idempotency-Key was used with another body; send a new key for a new request")
    made = {"run": found.run, "dataset": found.dataset}
    if made[kind] is None:
        (other,) = (name for name, id in made.items() if id is not None)
        raise Invalid(f"this Idempotency-Key was used for a {other}; send a new key for a new request")
    return made[kind]
