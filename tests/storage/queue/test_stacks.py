"""Runs that can train as one program are claimed together, whoever owns them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, update

from app.constants import RunStatus
from app.storage.database import Database
from app.storage.queue.claims import Group
from app.storage.queue.run_claims import run_claims
from app.storage.tables import Run
from tests.support.queue_database import queue_database
from tests.support.rows import insert_run

pytestmark = pytest.mark.sql
LEASE, ONE_PROCESS = 1e9, Group(most=4, processes=1)


@pytest.fixture(params=["sqlite", "postgres"])
def database(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Database]:
    yield from queue_database(request, tmp_path, "digits")


def queue(database: Database, *ids: str, **values: Any) -> None:
    with database.write() as db:
        for id in ids:
            insert_run(db, id, "queued", **{"attempt": 0, "stack": "a", "owner": ""} | values)


def claim(database: Database, group: Group = ONE_PROCESS) -> list[str]:
    with database.write() as db:
        return [run.id for run in run_claims.claim_together(db, "worker", 0.0, LEASE, group)]


def run(database: Database, id: str) -> Run:
    with database.read() as db:
        return db.get_one(Run, id)


def test_companions_are_waiting_runs_of_the_same_program_first_to_last(database: Database) -> None:
    queue(database, "1", "2", "6")
    queue(database, "3", stack="b")
    queue(database, "4", owner="ann")
    queue(database, "5", priority=1, owner="bob")
    queue(database, "7", "8", stack=None)
    first = claim(database)
    assert first[0] == "5" and sorted(first[1:]) == ["1", "2", "4"]  # its turn by priority; then the order
    assert all((run(database, id).status, run(database, id).attempt) == (RunStatus.RUNNING, 1) for id in first)
    assert [len(claim(database)) for _ in range(5)] == [1, 1, 1, 1, 0]


def test_the_waiting_runs_of_a_program_are_spread_over_the_processes(database: Database) -> None:
    queue(database, *"123456")
    assert [len(claim(database, Group(8, processes))) for processes in (2, 1)] == [3, 3]
    queue(database, *"789")
    assert len(claim(database, Group(8, 3))) == 2  # two together are quicker than one after another


def test_a_run_keeps_the_form_in_which_it_began(database: Database) -> None:
    queue(database, "1")
    assert claim(database) == ["1"] and run(database, "1").stack is None
    queue(database, "2", environment={"program": {"members": 3}}, attempt=4)
    assert claim(database) == ["2"] and run(database, "2").stack == "a"
    with database.write() as db:
        db.execute(update(Run).values(status="queued"))
    queue(database, "3")
    assert claim(database) == ["1"] and sorted(claim(database)) == ["2", "3"]


def test_a_run_whose_process_died_has_no_companions(database: Database) -> None:
    queue(database, "1", "2", deaths=1, environment={"program": {"members": 2}})
    queue(database, "3", "4")
    assert sorted(sorted(claim(database)) for _ in range(3)) == [["1"], ["2"], ["3", "4"]]


@pytest.mark.parametrize("database", ["sqlite"], indirect=True)
def test_companions_are_found_in_an_index(database: Database) -> None:
    queue(database, "1", "2")
    statements: list[tuple[str, Any]] = []
    event.listen(database.engine, "before_cursor_execute", lambda *call: statements.append((call[2], call[3])))
    claim(database)
    [found] = [each for each in statements if each[0].startswith("SELECT") and "runs.stack = ?" in each[0]]
    with database.read() as db:
        plan = [row[3] for row in db.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {found[0]}", found[1])]
    assert any("USING INDEX ix_runs_stack" in step for step in plan), plan


def joining(database: Database, stack: str = "a") -> str | None:
    with database.read() as db:
        joins = run_claims.joins(db, 0.0, stack)
    with database.write() as db:
        run = run_claims.claim_joining(db, "worker", 0.0, LEASE, stack)
    assert joins == (run is not None)
    return None if run is None else run.id


def test_a_run_joins_a_program_that_trains_when_it_is_its_turn(database: Database) -> None:
    queue(database, "1", "2", "4")
    queue(database, "3", stack="b")
    queue(database, "5", deaths=1)
    assert [joining(database) for _ in range(3)] == ["1", "2", None]  # the next turn is that of another program
    assert joining(database, "b") == "3"
    assert [joining(database) for _ in range(2)] == ["4", None]
    assert run(database, "4").attempt == 1 and run(database, "4").stack == "a"
