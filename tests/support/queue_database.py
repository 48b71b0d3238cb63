"""Databases for tests of the queue."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import event

from app.storage import migrate
from app.storage.database import Database
from app.storage.tables import Dataset


def queue_database(request: pytest.FixtureRequest, folder: Path, dataset: str) -> Iterator[Database]:
    """An upgraded database with one dataset, on SQLite or Postgres as the fixture's parameter says."""
    on_sqlite = request.param == "sqlite"
    url = f"sqlite:///{folder / 'queue.db'}" if on_sqlite else request.getfixturevalue("postgres").new_database()
    database = Database(url)
    if on_sqlite:  # surviving a power cut is not tested here
        event.listen(database.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
    migrate.upgrade(database)
    with database.write() as db:
        db.add(Dataset(id=dataset, name=dataset, status="ready", about={}, skipped=[], created_at=0.0))
    yield database
    database.close()
