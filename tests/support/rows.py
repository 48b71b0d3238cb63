"""Rows for tests, written without the code under test."""

from typing import Any
from unittest.mock import patch

from sqlalchemy import insert
from sqlalchemy.orm import Session

from app.access import Caller, Scope
from app.storage import batches, runs
from app.storage.tables import Batch, Dataset, Run

A_REQUEST = {"name": None, "dataset": "digits", "tags": {}, "priority": 0}


def insert_run(db: Session, id: str, status: str = "succeeded", **values: Any) -> None:
    row = {"id": id, "status": status, "task": "classification", "dataset": "digits", "created_at": 1.0, "attempt": 1}
    empty: dict[str, Any] = {key: {} for key in ("request", "tags", "environment", "progress", "metrics")}
    db.execute(insert(Run).values(**row | empty | {"priority": 0, "deaths": 0} | values))


def owned_run(db: Session, owner: str, request: dict[str, Any] = A_REQUEST) -> Run:
    """Queue a run of this owner, as if its key had sent the request."""
    with patch.dict(db.info, caller=Caller(owner, frozenset({Scope.TRAIN}))):
        return runs.create(db, request=request, task="classification", environment={}, warnings=[])


def insert_dataset(db: Session, id: str, about: dict[str, Any], **values: Any) -> None:
    row = {"id": id, "name": id, "status": "ready", "folder": f"datasets/{id}", "skipped": [], "created_at": 1.0}
    db.execute(insert(Dataset).values(**row | {"about": about, "attempt": 1, "deaths": 0} | values))


def insert_batch(db: Session, id: str, status: str = "succeeded", **values: Any) -> None:
    row = {"id": id, "status": status, "run": "run_one", "weights": "weights", "created_at": 1.0, "attempt": 1}
    db.execute(insert(Batch).values(**row | {"source": {}, "progress": {}, "deaths": 0} | values))


def owned_batch(db: Session, owner: str, inputs: int = 1) -> Batch:
    """Queue a batch of this owner, as if its key had sent the request."""
    with patch.dict(db.info, caller=Caller(owner, frozenset({Scope.PREDICT}))):
        return batches.create(db, batches.new(), "run_one", "weights", {"dataset": "digits", "inputs": inputs}, bytes=0)
