"""A session sees and changes its caller's rows alone, in whatever form a query is written."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from sqlalchemy import delete, exists, func, select, update
from sqlalchemy.orm import Session, aliased

from app.access import EVERYBODY, NO_OWNER, Caller, Scope
from app.errors import Forbidden
from app.settings import Settings
from app.storage import migrate, runs
from app.storage.database import Database, changed_rows
from app.storage.tables import Run
from app.storage.visibility import EVERYONES, require_own
from tests.support.rows import insert_run

pytestmark = pytest.mark.sql

OWNERS = {"run_a1": "a", "run_a2": "a", "run_b": "b", "run_free": NO_OWNER}
SEEN = {"a": {"run_a1", "run_a2", "run_free"}, "b": {"run_b", "run_free"}, NO_OWNER: {"run_free"}}
OTHER = aliased(Run)
QUERIES: dict[str, Callable[[Session], Any]] = {
    "entities": lambda db: {run.id for run in db.scalars(select(Run))},
    "columns": lambda db: set(db.scalars(select(Run.id))),
    "an alias": lambda db: set(db.scalars(select(OTHER.id))),
    "a subquery": lambda db: set(db.scalars(select(select(Run.id).subquery().c.id))),
    "ids": lambda db: {id for id in OWNERS if db.get(Run, id) is not None},
    "a lock": lambda db: set(db.scalars(select(Run.id).with_for_update(read=True))),
    "a condition": lambda db: {id for id in OWNERS if db.scalar(select(exists().where(Run.id == id)))},
    "a join": lambda db: set(db.scalars(select(OTHER.id).join(Run, Run.id == OTHER.id))),
    "pages": lambda db: {run.id for run in runs.page(db, runs.matching(1.0), 10, None).items},
}


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    settings.create_home()
    database = Database(settings.database)
    migrate.upgrade(database)
    with database.write() as db:
        for id, owner in OWNERS.items():
            insert_run(db, id, owner=owner)
    yield database
    database.close()


def caller(owner: str) -> Caller:
    return Caller(owner, frozenset({Scope.READ, Scope.PREDICT, Scope.TRAIN}))


def test_every_query_sees_the_callers_rows_and_common_ones(database: Database) -> None:
    for form, query in QUERIES.items():
        for owner, seen in SEEN.items():
            with database.of(caller(owner)).write() as db:
                assert query(db) == seen, form
        with database.of(EVERYBODY).read() as db:
            assert query(db) == OWNERS.keys(), form
    with database.of(caller("b")).read() as db:
        assert db.scalar(select(func.count()).select_from(Run)) == db.scalar(select(func.count(Run.id))) == 2
        assert db.scalar(select(func.count(Run.id)), execution_options=EVERYONES) == len(OWNERS)


@pytest.mark.parametrize("change", [update(Run).values(name="changed"), delete(Run)], ids=["update", "delete"])
def test_a_change_of_all_rows_is_one_of_the_callers(database: Database, change: Any) -> None:
    with database.of(caller("a")).write() as db:
        assert changed_rows(db, change) == 2
    with database.read() as db:
        left = {run.id for run in db.scalars(select(Run)) if run.name is None}
    assert left == {"run_b", "run_free"}


def test_what_is_made_belongs_to_the_caller(database: Database) -> None:
    request = {"name": None, "dataset": "digits", "tags": {}, "priority": 0}
    for owner in SEEN:
        with database.of(caller(owner)).write() as db:
            assert runs.create(db, request=request, task="", environment={}, warnings=[]).owner == owner


def test_a_row_that_is_seen_is_changed_by_its_owner_or_an_admin(database: Database) -> None:
    with database.of(caller("a")).write() as db:
        require_own(db, runs.get(db, "run_a1"))
        with pytest.raises(Forbidden):
            runs.get_own(db, "run_free")
    with database.of(Caller("a", frozenset({Scope.ADMIN}))).write() as db:
        assert [runs.get_own(db, id).id for id in OWNERS] == list(OWNERS)
