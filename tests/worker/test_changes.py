"""An idle worker looks for work only when there can be some."""

import time
from pathlib import Path

import psutil
import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from app.storage import migrate, workers
from app.storage.database import Database, database_now
from tests.conftest import Workers
from worker import changes
from worker.changes import Changes


@pytest.fixture
def database(tmp_path: Path) -> Database:
    database = Database(f"sqlite:///{tmp_path / 'antigrad.db'}")
    migrate.upgrade(database)
    return database


def test_a_look_is_due_after_a_commit_a_word_or_a_long_time(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = Changes(database)
    assert found.look_is_due() and not found.look_is_due()
    with database.write() as db:
        workers.register(db, "one", 1, database_now())
        assert not found.look_is_due()
    assert found.look_is_due() and not found.look_is_due()
    found.look_again()
    assert found.look_is_due() and not found.look_is_due()
    now = time.monotonic()
    monkeypatch.setattr(changes.time, "monotonic", lambda: now + changes.LONGEST_SECONDS + 1)
    assert found.look_is_due()
    found.close()


def test_while_somebody_writes_it_neither_waits_nor_misses_anything(database: Database) -> None:
    found = Changes(database)
    found.look_is_due()
    connection = database.engine.raw_connection()
    connection.cursor().execute("BEGIN EXCLUSIVE")
    began = time.monotonic()
    assert found.look_is_due() and time.monotonic() - began < 1
    connection.rollback()
    found.close()


def test_an_idle_worker_leaves_the_machine_to_others(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", _env_file=None)
    workers = Workers(settings)
    try:
        with TestClient(create_app(settings)) as client:
            process = psutil.Process(workers.start().pid)
            while not client.get("/workers").json()["items"]:
                time.sleep(0.1)
        before, began = process.cpu_times(), time.monotonic()
        time.sleep(5)
        after, took = process.cpu_times(), time.monotonic() - began
        assert (after.user + after.system - before.user - before.system) / took < 0.05  # 0.16 by looking each time
    finally:
        workers.stop()
