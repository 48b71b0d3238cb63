"""Idempotency keys: a creating request that is sent again with its key returns what it created the first time.

Each owner has its own keys.
"""

from collections.abc import Callable
from typing import Literal, TypeVar

from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.errors import Conflict, Invalid, LimitReached
from app.storage import datasets, runs, sweeps
from app.storage.tables import Dataset, IdempotencyKey, Run, Sweep
from app.storage.visibility import caller_of

Created = TypeVar("Created")


def run_made_by(db: Session, key: str, body_sha256: str) -> Run | None:
    """The run that this key created, or None. Raises Invalid if its request was another one."""
    id = _made(db, key, body_sha256, "run")
    return None if id is None else runs.get(db, id)


def dataset_made_by(db: Session, key: str, body_sha256: str) -> Dataset | None:
    """The dataset that this key created, or None. Raises Invalid if its request was another one."""
    id = _made(db, key, body_sha256, "dataset")
    return None if id is None else datasets.get(db, id)


def sweep_made_by(db: Session, key: str, body_sha256: str) -> Sweep | None:
    """The sweep that this key created, or None. Raises Invalid if its request was another one."""
    id = _made(db, key, body_sha256, "sweep")
    return None if id is None else sweeps.get(db, id)


def remember(
    db: Session,
    key: str,
    body_sha256: str,
    *,
    run: str | None = None,
    dataset: str | None = None,
    sweep: str | None = None,
) -> None:
    """Bind the key to the run, dataset or sweep, in the transaction that creates it.

    Waits for a concurrent request with the same key, and raises Conflict once that one has committed.
    """
    made = {"run": run, "dataset": dataset, "sweep": sweep}
    db.add(IdempotencyKey(owner=caller_of(db).owner, key=key, body_sha256=body_sha256, **made))
    try:
        db.flush()
    except IntegrityError as error:
        raise Conflict("idempotency_key_race") from error


def once(find: Callable[[], Created | None], create: Callable[[], Created]) -> Created:
    """The result of `find`, else of `create`.

    A Conflict in `create`, or a limit, may mean that a concurrent request with the same key was first: `find` is tried
    again.
    """
    existing = find()
    if existing is not None:
        return existing
    try:
        return create()
    except (Conflict, LimitReached):
        existing = find()
        if existing is None:
            raise
        return existing


def _made(db: Session, key: str, body_sha256: str, kind: Literal["run", "dataset", "sweep"]) -> str | None:
    """Id of the run, dataset or sweep that this key created."""
    row = db.get(IdempotencyKey, (caller_of(db).owner, key))
    if row is None:
        return None
    if row.body_sha256 != body_sha256:
        raise Invalid("idempotency_key_reused", "Idempotency-Key")
    made = {"run": row.run, "dataset": row.dataset, "sweep": row.sweep}
    if made[kind] is None:
        (other,) = (name for name, id in made.items() if id is not None)
        raise Invalid("idempotency_key_of_other_kind", "Idempotency-Key", kind=other)
    return made[kind]
