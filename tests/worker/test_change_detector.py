"""An idle worker polls for work only if something may have changed."""

import sqlite3
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text

from app.settings import Settings
from app.storage import migrate
from app.storage.database import Database, database_now
from app.storage.queue import workers
from tests.support.postgres import Postgres
from worker import change_detector
from worker.change_detector import Changes

pytestmark = pytest.mark.sql


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    database = Database(settings.database)
    settings.home.mkdir()
    migrate.upgrade(database)
    yield database
    database.close()


def test_a_look_is_due_after_a_commit_a_word_or_a_long_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Changes(database)
    assert found.should_poll() and not found.should_poll()
    with database.write() as db:
        workers.register(db, "one", 1, database_now())
        assert not found.should_poll()
    assert found.should_poll() and not found.should_poll()
    found.force_poll()
    assert found.should_poll() and not found.should_poll()
    now = time.monotonic()
    monkeypatch.setattr(change_detector.time, "monotonic", lambda: now + change_detector.LONGEST_SECONDS + 1)
    assert found.should_poll()
    found.close()


def test_a_transaction_that_was_long_under_way_is_seen_when_it_ends(database: Database) -> None:
    found = Changes(database)
    with database.write() as db:
        workers.register(db, "slow", 1, database_now())
        assert found.should_poll() and not found.should_poll()  # the transaction has written, but is not committed yet
    assert found.should_poll() and not found.should_poll()
    found.close()


def test_a_connection_that_is_cut_off_is_made_anew(postgres: Postgres) -> None:
    database = Database(postgres.new_database())
    migrate.upgrade(database)
    found = Changes(database)
    assert found.should_poll() and not found.should_poll()
    with database.write() as db:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        db.execute(text(f"{others} WHERE datname = current_database() AND pid != pg_backend_pid()"))
    assert found.should_poll()  # unknown, so it polls
    assert found.should_poll() and not found.should_poll()
    found.close()
    database.close()


def test_while_somebody_writes_sqlite_neither_waits_nor_misses_anything(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'antigrad.db'}")
    migrate.upgrade(database)
    found = Changes(database)
    found.should_poll()
    assert isinstance(found.counter.connection, sqlite3.Connection)
    assert found.counter.connection.execute("PRAGMA busy_timeout").fetchone() == (0,)  # it does not wait for a lock
    connection = database.engine.raw_connection()
    connection.cursor().execute("BEGIN EXCLUSIVE")
    assert found.should_poll()
    connection.rollback()
    found.close()
