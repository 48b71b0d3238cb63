"""Rows for tests, written without the code under test."""

from typing import Any

from sqlalchemy import insert
from sqlalchemy.orm import Session

from app.storage.tables import Run


def insert_run(db: Session, id: str, status: str = "succeeded", **values: Any) -> None:
    row = {"id": id, "status": status, "task": "classification", "dataset": "digits", "created_at": 1.0, "attempt": 1}
    empty: dict[str, Any] = {key: {} for key in ("request", "tags", "environment", "progress", "metrics")}
    db.execute(insert(Run).values(**row | empty | {"priority": 0, "deaths": 0} | values))
