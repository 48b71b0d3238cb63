"""A child waits if the database is unavailable, and only then."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.storage.database import Database
from tests.worker.locked import locked_for, no_waiting
from worker.retry import read_with_retry, write_with_retry


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "antigrad.db"


@pytest.fixture
def database(file: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    no_waiting(monkeypatch)
    database = Database(f"sqlite:///{file}")
    with database.write() as db:
        db.execute(text("CREATE TABLE numbers (number)"))
    yield database
    database.close()


def test_reads_and_writes_wait_for_a_locked_database(database: Database, file: Path) -> None:
    with locked_for(file, tries=2) as warnings:
        write_with_retry(database, lambda db: db.execute(text("INSERT INTO numbers VALUES (5)")) and None)
    assert len(warnings) == 2 and "database is locked" in warnings[0]
    with locked_for(file, tries=2) as warnings:
        assert read_with_retry(database, lambda db: db.scalar(text("SELECT number FROM numbers"))) == 5
    assert len(warnings) == 2


def test_a_statement_that_is_wrong_is_an_error_and_no_reason_to_wait(database: Database) -> None:
    with pytest.raises(DBAPIError):
        write_with_retry(database, lambda db: db.execute(text("UPDATE nothing SET WHERE")) and None)
    with pytest.raises(DBAPIError):
        read_with_retry(database, lambda db: db.execute(text("SELECT nothing FROM nowhere")))
