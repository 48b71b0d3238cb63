"""Lists, rankings, curves and the queue read what they answer with, however many runs there are.

Both databases plan each statement that the code executes, Postgres with statistics of thousands of runs: none reads a
whole table.
"""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from sqlalchemy import event, insert, text
from sqlalchemy.orm import Session

from app.access import Caller, Scope
from app.constants import RunStatus
from app.runs.queue import queue_page
from app.runs.views import views
from app.storage import curves, migrate, pyramid, runs, usage
from app.storage.database import Database
from app.storage.queue.run_claims import run_claims
from app.storage.run_order import RunOrder
from app.storage.tables import CurveChunk, OwnerTurn, Run

pytestmark = pytest.mark.sql
RUNS, OWNERS, WAITING, NOW = 2_500, 19, 250, 1_000_000.0
STUDENT = Caller("s7", frozenset({Scope.READ, Scope.TRAIN}))
ON_POSTGRES = ("what an owner uses",)
LARGE = ("runs", "curve_chunks", "curve_blocks")


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def database(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Database]:
    on_sqlite = request.param == "sqlite"
    file = tmp_path_factory.mktemp("indexes") / "runs.db"
    database = Database(f"sqlite:///{file}" if on_sqlite else request.getfixturevalue("postgres").new_database())
    migrate.upgrade(database)
    points = {"steps": np.arange(1, 101).tobytes(), "values": np.zeros(100).tobytes()}
    with database.write() as db:
        db.execute(insert(Run), [_run(number) for number in range(RUNS)])
        db.execute(insert(OwnerTurn), [{"owner": f"s{each}", "served": each, "joined": ""} for each in range(OWNERS)])
        chunks = [{"run": _id(number), "first_step": 1, "last_step": 100, **points} for number in range(RUNS)]
        db.execute(insert(CurveChunk), [chunk | {"series": name} for chunk in chunks for name in ("a", "train.loss")])
    if not database.is_sqlite:
        with database.engine.begin() as connection:
            connection.execute(text("ANALYZE"))
    yield database
    database.close()


def _id(number: int) -> str:
    return f"run_{number:06}"


def _run(number: int) -> dict[str, Any]:
    """A run of one of the owners. The last ones wait, but for some that train; of the others, one in fifty failed."""
    empty: dict[str, Any] = {key: {} for key in ("tags", "environment", "progress")}
    status = "queued" if number >= RUNS - WAITING else "succeeded" if number % 50 else "failed"
    training = {"status": "running", "lease_expires_at": NOW + 30} if number % 100 == 99 else {"status": status}
    measured = {"test": {"accuracy": number % 997 / 997}, "train": {"loss": 1.0}} if status == "succeeded" else {}
    return empty | {
        "id": _id(number), "owner": f"s{number % OWNERS}", "task": "classification", "dataset": "digits", "attempt": 1,
        "request": {"padding": "x" * 1500}, "metrics": measured, "created_at": 1.0, "finished_at": float(number),
        "lease_expires_at": None, "deaths": 0, "priority": number % 3,
    } | (training if number >= RUNS - WAITING else {"status": status})  # fmt: skip


@contextmanager
def plans(database: Database) -> Iterator[list[str]]:
    """The plans of the statements that are executed meanwhile."""
    executed: list[tuple[str, Any]] = []
    found: list[str] = []

    def note(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        executed.append((statement, parameters))

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield found
    finally:
        event.remove(database.engine, "before_cursor_execute", note)
    with database.engine.connect() as connection:
        for statement, parameters in executed:
            explain = "EXPLAIN QUERY PLAN" if database.is_sqlite else "EXPLAIN"
            lines = connection.exec_driver_sql(f"{explain} {statement}", parameters)
            found.append("\n".join([statement, *(line[-1] for line in lines)]))


def _page(db: Session, sort: str = "-created_at", cursor: str | None = None, **filters: Any) -> None:
    assert runs.page(db, runs.matching(NOW, **filters), 50, cursor, RunOrder.by(sort)).items


def _positions(db: Session) -> None:
    views(db, runs.newest(db, runs.has_status(RunStatus.QUEUED, NOW), 50))


QUERIES: dict[str, Callable[[Session], Any]] = {
    "a list": _page,
    "a later page": lambda db: _page(db, cursor=_id(1_000)),
    "those of a status": lambda db: _page(db, status=RunStatus.FAILED),
    "those of an owner": lambda db: _page(db, owner="s7"),
    "the best": lambda db: _page(db, "-test.accuracy"),
    "the best but some": lambda db: _page(db, "-test.accuracy", f"{_id(600)}=0.5"),
    "the worst": lambda db: _page(db, "train.loss"),
    "the places of waiting runs": _positions,
    "the queue": lambda db: queue_page(db, 50, None, 30),
    "a look for work": lambda db: run_claims.any_claimable(db, NOW),
    "a claim": lambda db: run_claims.claim(db, "worker", NOW, 30),
    "the series of a curve": lambda db: curves.last_steps(db, _id(7)),
    "a part of a curve": lambda db: curves.page(db, _id(7), "train.loss", 50),
    "curves of several runs": lambda db: curves.of_runs(db, [_id(7), _id(8)], ["train.loss"]),
    "what an owner uses": lambda db: (usage.open_jobs(db, "s7"), usage.stored_bytes(db, "s7")),
}


@pytest.mark.parametrize("caller", [None, STUDENT], ids=["admin", "student"])
@pytest.mark.parametrize("query", QUERIES)
def test_no_query_reads_a_whole_table(database: Database, query: str, caller: Caller | None) -> None:
    if database.is_sqlite and query in ON_POSTGRES:
        pytest.skip("SQLite would prefer such an index to those of the queue")
    seen = database if caller is None else database.of(caller)
    with plans(database) as found, Session(database.engine, info={"caller": seen.caller}) as db:
        QUERIES[query](db)
        db.rollback()
    assert found
    for plan in found:
        assert not reads_whole_table(plan), plan


def reads_whole_table(plan: str) -> bool:
    """True if the plan reads all rows of a large table, and not in the order of an index."""
    tables = "|".join(LARGE)
    return re.search(rf"Seq Scan on ({tables})|SCAN ({tables})$", plan, re.MULTILINE) is not None


def test_an_export_and_a_thinned_curve_read_the_points_of_their_runs(database: Database) -> None:
    with plans(database) as found:
        assert len(list(curves.all_pages(database.read, _id(7)))) == 2
        assert len(pyramid.thinned(database, _id(7), "train.loss", 10).steps)
    assert len(found) >= 3
    for plan in found:
        assert not reads_whole_table(plan), plan


def test_a_query_without_an_index_is_found(database: Database) -> None:
    """So the tests above would see one."""
    with plans(database) as found, database.read() as db:
        db.execute(text("SELECT id FROM runs WHERE device = 'cpu'"))
    assert any(map(reads_whole_table, found))
