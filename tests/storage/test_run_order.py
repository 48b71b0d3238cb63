"""Pages of a sorted list of runs are complete and stable, on both databases."""

from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, true

from app.errors import Invalid
from app.storage import migrate, runs
from app.storage.database import Database
from app.storage.measured import MEASURED, PARTS
from app.storage.run_order import VALUES, RunOrder
from app.storage.tables import Run
from tests.support.rows import insert_run

pytestmark = pytest.mark.sql
METRICS = [f"{part}.{metric}" for part in PARTS for metric in MEASURED]
SORTS = [minus + name for name in ("created_at", *VALUES, "test.accuracy", "train.loss") for minus in ("", "-")]
accuracies = st.sampled_from([0.5, 0.97, 1, 1 / 3, None, "NaN", "-Infinity"])
described = st.fixed_dictionaries(
    {
        "name": st.none() | st.sampled_from(["letters", "b=1", "", "Омск", "a"]),
        "bytes": st.none() | st.sampled_from([0, 10, 2**40]),
        "finished_at": st.none() | st.sampled_from([1.0, 1782000000.123456, 2.0]),
        "metrics": st.fixed_dictionaries({"test": st.none() | st.fixed_dictionaries({"accuracy": accuracies})}),
    }
)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def database(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Database]:
    folder = tmp_path_factory.mktemp("order")
    on_sqlite = request.param == "sqlite"
    url = f"sqlite:///{folder / 'runs.db'}" if on_sqlite else request.getfixturevalue("postgres").new_database()
    database = Database(url)
    migrate.upgrade(database)
    yield database
    database.close()


def value(run: Run, sort: str) -> Any:
    name = sort.removeprefix("-")
    if name in METRICS:
        part, metric = name.split(".")
        measured = (run.metrics.get(part) or {}).get(metric)
        return None if isinstance(measured, str) else measured
    return run.id if name == "created_at" else getattr(run, name)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(described, max_size=7), st.sampled_from(SORTS), st.integers(1, 3), st.data())
def test_each_run_comes_once_in_the_order_while_others_are_added_and_deleted(
    database: Database, described: list[dict[str, Any]], sort: str, limit: int, data: st.DataObject
) -> None:
    order, seen, cursor = RunOrder.by(sort), [], None
    with database.write() as db:
        db.execute(delete(Run))
        for number, values in enumerate(described):
            insert_run(db, f"run_{number}", **values)
    while True:
        with database.read() as db:
            page = runs.page(db, true(), limit, cursor, order)
        seen += [run for run in page.items if run.id != "run_late"]
        cursor = page.next
        if cursor is None:
            break
        gone = data.draw(st.sampled_from([run.id for run in page.items]))
        with database.write() as db:  # what was seen, and what comes too late
            db.execute(delete(Run).where(Run.id.in_((gone, "run_late"))))
            insert_run(db, "run_late", name="letters", bytes=10)
    assert sorted(run.id for run in seen) == [f"run_{number}" for number in range(len(described))]
    valued = [value(run, sort) for run in seen]
    known = [one for one in valued if one is not None]
    assert valued[len(known) :] == [None] * (len(valued) - len(known))
    if sort.removeprefix("-") != "name":  # texts are compared by the database's rules
        assert known == sorted(known, reverse=sort.startswith("-"))


@pytest.mark.parametrize("sort", SORTS)
@pytest.mark.parametrize("cursor", ["", "x", "run_1=", "run_1=a", "run_1=nan", "run_1=1e999", "run_1=" + "9" * 400])
def test_a_cursor_is_taken_or_refused(database: Database, sort: str, cursor: str) -> None:
    with database.read() as db:
        try:
            assert runs.page(db, true(), 1, cursor, RunOrder.by(sort)).items is not None
        except Invalid as refusal:
            assert refusal.message.code == "cursor_malformed"
