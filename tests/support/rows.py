"""Rows for tests, written without the code under test."""

from typing import Any
from unittest.mock import patch

from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from app.access import Caller, Scope
from app.storage import batches, runs, sweeps
from app.storage.tables import Batch, Dataset, Run, Sweep

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


def owned_sweep(db: Session, owner: str = "", due_at: float | None = None) -> Sweep:
    """Queue a sweep of this owner without any trials."""
    empty: dict[str, Any] = {"name": None, "request": {}, "rungs": [], "knowledge": [], "caller": {}}
    with patch.dict(db.info, caller=Caller(owner, frozenset({Scope.TRAIN}))):
        sweep = sweeps.create(db, task="classification", dataset="digits", **empty)
    sweep.due_at = due_at
    db.flush()
    return sweep


def insert_sweep(db: Session, id: str) -> None:
    """A sweep of two learning rates that has succeeded, with a run each."""
    request = {"base": {"dataset": "digits"}, "grid": {"optimizer.lr": [0.1, 0.01]}, "seeds": [0], "trials": 2}
    empty = dict.fromkeys(("parallel", "deadline", "halving", "known", "name"))
    sweep = owned_sweep(db)
    values = {"id": id, "status": "succeeded", "request": request | empty | {"metric": "validation.accuracy"}}
    db.execute(update(Sweep).where(Sweep.id == sweep.id).values(**values))
    for number, rate in enumerate((0.1, 0.01)):
        run = f"run_of_{id}_{number}"
        insert_run(db, run, metrics={"validation": {"accuracy": 0.9 + number / 100}}, progress={"step": 10})
        sweeps.add_trial(db, id, number, {"optimizer.lr": rate}, None)
        sweeps.add_run(db, id, number, 0, run, rung=0)
