"""An idle worker polls for work only if something may have changed."""

import select
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import text, update
from sqlalchemy.orm import Session

from app.constants import RunStatus
from app.settings import Settings
from app.storage import migrate, runs
from app.storage.change_counter import PostgresNotices, SQLiteCommits, change_counter
from app.storage.database import Database, database_now
from app.storage.ids import new_id
from app.storage.queue import workers
from app.storage.queue.batch_claims import batch_claims
from app.storage.queue.import_claims import import_claims
from app.storage.queue.run_claims import run_claims
from app.storage.queue.sweep_claims import sweep_claims
from app.storage.tables import Run, Sweep
from tests.support.postgres import Postgres
from tests.support.processes import until
from tests.support.rows import (
    insert_batch,
    insert_dataset,
    insert_run,
    insert_sweep,
    owned_batch,
    owned_run,
    owned_sweep,
)
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
    found = Changes(change_counter(database))
    assert found.should_poll() and not found.should_poll()
    with database.write() as db:
        insert_run(db, "run_1", "queued")
        assert not found.should_poll()  # the transaction has written, but is not committed yet
    until(found.should_poll)  # a notice of Postgres may arrive a moment after the commit
    assert not found.should_poll()
    found.force_poll()
    assert found.should_poll() and not found.should_poll()
    now = time.monotonic()
    monkeypatch.setattr(change_detector.time, "monotonic", lambda: now + change_detector.LONGEST_SECONDS + 1)
    assert found.should_poll()
    found.counter.close()


WORK: dict[str, Callable[[Session], object]] = {
    "a run is queued": lambda db: owned_run(db, "s1"),
    "a run is given back": lambda db: run_claims.give_back(db, "run_1", 1),
    "the run of a sweep ends": lambda db: run_claims.end(db, "run_1", 1, RunStatus.SUCCEEDED),
    "a worker has died": lambda db: run_claims.release_worker(db, "w"),
    "an upload waits for its import": lambda db: insert_dataset(db, "ds_2", {}, status="importing"),
    "an import is given back": lambda db: import_claims.give_back(db, "ds_1", 1),
    "a batch is queued": lambda db: owned_batch(db, "s1"),
    "a batch is given back": lambda db: batch_claims.give_back(db, "bat_1", 1),
    "a sweep begins": lambda db: owned_sweep(db, due_at=1.0),
    "a sweep is given back": lambda db: sweep_claims.give_back(db, "swp_1", 1),
    "a run is to be cancelled": lambda db: runs.cancel(db, Run.id == "run_1", time.time()),
    "a run is to be paused": lambda db: runs.pause(db, "run_1", time.time()),
    "a sweep gets more to do": lambda db: db.execute(update(Sweep).where(Sweep.worker.is_(None)).values(due_at=1.0)),
}


@pytest.mark.parametrize("change", WORK.values(), ids=WORK)
def test_a_look_is_due_whenever_there_may_be_a_job_to_claim_or_an_order_to_give(
    database: Database, change: Callable[[Session], object]
) -> None:
    held = {"worker": "w", "attempt": 1, "lease_expires_at": 1e12}
    with database.write() as db:
        insert_run(db, "run_1", "running", **held)
        insert_dataset(db, "ds_1", {}, **held | {"status": "importing"})
        insert_batch(db, "bat_1", "running", **held)
        insert_sweep(db, "swp_1")
        db.execute(update(Sweep).values(status="running", **held))
        owned_sweep(db)
    found = Changes(change_counter(database))
    assert found.should_poll() and not found.should_poll()
    with database.write() as db:
        change(db)
    until(found.should_poll)
    found.counter.close()


def test_several_detectors_of_one_counter_each_see_every_change(database: Database) -> None:
    found = [Changes(counter := change_counter(database)), Changes(counter)]
    assert [one.should_poll() for one in found] == [True, True]
    with database.write() as db:
        insert_run(db, "run_1", "queued")
    for one in found:
        until(one.should_poll)
    assert not any(one.should_poll() for one in found)
    counter.close()


def test_on_postgres_a_notice_can_be_waited_for(postgres: Postgres) -> None:
    database = Database(postgres.new_database())
    migrate.upgrade(database)
    counter = change_counter(database)
    assert counter.descriptor is None  # it has not been read yet
    counter.read()
    assert counter.descriptor is not None and not select.select([counter.descriptor], [], [], 0)[0]
    with database.write() as db:
        insert_run(db, "run_1", "queued")
    assert select.select([counter.descriptor], [], [], 60)[0]
    counter.read()
    assert not select.select([counter.descriptor], [], [], 0)[0]
    counter.close()
    database.close()


def test_on_postgres_the_record_of_a_training_wakes_no_worker(postgres: Postgres) -> None:
    database = Database(postgres.new_database())
    migrate.upgrade(database)
    with database.write() as db:
        insert_run(db, "run_1", "running", worker="w", lease_expires_at=1e12)
    found = Changes(change_counter(database))
    assert found.should_poll() and isinstance(found.counter, PostgresNotices)
    notices = found.counter.notices
    for _ in range(3):
        with database.write() as db:
            run_claims.write(db, "run_1", 1, progress={"step": 1})
            run_claims.renew(db, "run_1", 1, database_now(), 30)
            workers.register(db, new_id("w"), 1, database_now())
    with database.write() as db:
        owned_run(db, "s1")
    until(found.should_poll)
    assert found.counter.notices == notices + 1
    found.counter.close()
    database.close()


def test_a_connection_that_is_cut_off_is_made_anew(postgres: Postgres) -> None:
    database = Database(postgres.new_database())
    migrate.upgrade(database)
    found = Changes(change_counter(database))
    assert found.should_poll() and not found.should_poll()
    with database.write() as db:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        db.execute(text(f"{others} WHERE datname = current_database() AND pid != pg_backend_pid()"))
    until(found.should_poll)  # unknown, so it polls
    assert found.should_poll() and not found.should_poll()
    found.counter.close()
    database.close()


def test_while_somebody_writes_sqlite_neither_waits_nor_misses_anything(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'antigrad.db'}")
    migrate.upgrade(database)
    found = Changes(change_counter(database))
    found.should_poll()
    assert isinstance(found.counter, SQLiteCommits) and found.counter.connection is not None
    assert found.counter.connection.execute("PRAGMA busy_timeout").fetchone() == (0,)  # it does not wait for a lock
    connection = database.engine.raw_connection()
    connection.cursor().execute("BEGIN EXCLUSIVE")
    assert found.should_poll()
    connection.rollback()
    found.counter.close()
