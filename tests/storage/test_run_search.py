"""The language of the filter box, on both databases."""

import time
from collections.abc import Iterator

import pytest
from sqlalchemy import insert, select

from app.errors import Invalid
from app.settings import Settings
from app.storage import migrate, runs
from app.storage.database import Database, database_now
from app.storage.run_search import search
from app.storage.tables import Dataset, Run
from tests.support.rows import insert_run

pytestmark = pytest.mark.sql

RUNS = {
    "wide": {
        "name": "letters, wide net",
        "request": {"optimizer": {"name": "adam", "lr": 0.001}, "batch_size": 128, "seed": 3},
        "metrics": {"validation": {"accuracy": 0.95}, "test": {"accuracy": 0.91}},
        "tags": {"course": "ml", "draft": ""},
        "owner": "s1",
    },
    "deep": {
        "name": "letters, DEEP (2)",
        "status": "failed",
        "stop_reason": "diverged",
        "request": {"optimizer": {"name": "sgd", "lr": 10}, "batch_size": "full", "seed": 0},
        "metrics": {"validation": {"accuracy": "NaN"}},
        "tags": {"course": "nlp"},
        "owner": "s2",
    },
    "bare": {"status": "queued", "request": {}, "dataset": "ds_1", "progress": {"step": 7}, "priority": 5},
    "gone": {"name": "letters", "status": "deleted"},
}
DATASET = {"id": "ds_1", "name": "prices", "status": "ready", "about": {}, "skipped": [], "created_at": 1.0}


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    settings.create_home()
    database = Database(settings.database)
    migrate.upgrade(database)
    with database.write() as db:
        db.execute(insert(Dataset).values(DATASET))
        for id, row in RUNS.items():
            insert_run(db, id, **row)
    yield database
    database.close()


def found(database: Database, text: str) -> set[str]:
    with database.read() as db:
        where = runs.matching(database_now()) & search(database, text)
        return set(db.scalars(select(Run.id).where(where)))


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("", {"wide", "deep", "bare"}),
        ("LETTERS", {"wide", "deep"}),
        ('"wide net"', {"wide"}),
        ("letters wide", {"wide"}),
        ("-wide", {"deep", "bare"}),
        ("/wide|deep/", {"wide"}),
        ("/(?i)wide|deep/ status:failed", {"deep"}),
        (r"/\(2\)$/", {"deep"}),
        ("status:failed,queued", {"deep", "bare"}),
        ("-status:failed", {"wide", "bare"}),
        ("owner:s1", {"wide"}),
        ("owner:s1,s2", {"wide", "deep"}),
        ("id:wide,bare", {"wide", "bare"}),
        ("dataset:prices", {"bare"}),
        ("dataset:ds_1", {"bare"}),
        ("dataset:none", set()),
        ("tag:course:ml", {"wide"}),
        ("tag:course", {"wide", "deep"}),
        ("tag:draft:", {"wide"}),
        ("optimizer:adam", {"wide"}),
        ("stop_reason=diverged", {"deep"}),
        ("lr>0.01", {"deep"}),
        ("lr<=1e-3", {"wide"}),
        ("-lr>0.01", {"wide", "bare"}),
        ("batch_size>1", {"wide"}),
        ("seed:3", {"wide"}),
        ("priority>=5", {"bare"}),
        ("step=7", {"bare"}),
        ("accuracy>0.9", {"wide"}),
        ("test.accuracy>0.92", set()),
        ("name:wide", {"wide"}),
        ('name:"wide net" tag:course:ml lr<1', {"wide"}),
    ],
)
def test_terms(database: Database, text: str, ids: set[str]) -> None:
    assert found(database, text) == ids


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("stauts:failed", "search_field_unknown"),
        ("status:broken", "search_status_unknown"),
        ("owner>3", "search_not_compared"),
        ("lr>fast", "search_value_no_number"),
        ("lr>nan", "search_value_no_number"),
        ("/(/", "search_pattern_wrong"),
        (r"/(a)\1/", "search_pattern_wrong"),
        (r"/a{2,1}/", "search_pattern_wrong"),
    ],
)
def test_a_wrong_term_is_named(database: Database, text: str, code: str) -> None:
    with pytest.raises(Invalid) as refused:
        found(database, f"letters {text}")
    assert refused.value.message.code == code and refused.value.pointer == "q"


def test_a_pattern_that_other_engines_never_finish_is_quick(database: Database) -> None:
    with database.write() as db:
        insert_run(db, "long", name="a" * 200)
    started = time.perf_counter()
    assert found(database, "/^(a+)+$/") == {"long"} and found(database, "/^(a|aa)+b$/") == set()
    assert time.perf_counter() - started < 5
