"""Tags of any script are found again, on both databases."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, select

from app.errors import Invalid
from app.storage import migrate, runs
from app.storage.database import Database, database_now
from app.storage.tables import Run
from tests.support.rows import insert_run

pytestmark = pytest.mark.sql
LETTERS = st.characters(exclude_categories=("Cs", "Cc"))
KEYS, VALUES = st.text(LETTERS.filter(lambda letter: letter != ":"), max_size=12), st.text(LETTERS, max_size=12)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def database(tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Database]:
    folder = tmp_path_factory.mktemp("tags")
    on_sqlite = request.param == "sqlite"
    url = f"sqlite:///{folder / 'runs.db'}" if on_sqlite else request.getfixturevalue("postgres").new_database()
    database = Database(url)
    migrate.upgrade(database)
    yield database
    database.close()


def found(database: Database, *tags: str) -> list[str]:
    with database.read() as db:
        return list(db.scalars(select(Run.id).where(runs.matching(database_now(), tags=tags)).order_by(Run.id)))


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(KEYS, VALUES, min_size=1, max_size=4), KEYS, VALUES)
def test_a_run_is_found_by_each_of_its_tags_and_by_no_other(
    database: Database, tags: dict[str, str], key: str, value: str
) -> None:
    with database.write() as db:
        db.execute(delete(Run))
        insert_run(db, "run_a", dataset="digits", tags=tags)
        insert_run(db, "run_b", dataset="digits", tags={})
    for own, text in tags.items():
        assert found(database, f"{own}:{text}") == ["run_a"]
    assert found(database, *(f"{own}:{text}" for own, text in tags.items())) == ["run_a"]
    assert found(database, f"{key}:{value}") == (["run_a"] if tags.get(key) == value else [])


def test_several_tags_mean_all_of_them(database: Database) -> None:
    with database.write() as db:
        db.execute(delete(Run))
        insert_run(db, "run_a", tags={"student": "s1", "hw": "1"})
        insert_run(db, "run_b", tags={"student": "s1", "hw": "2"})
        insert_run(db, "run_c", tags={"student": "s2", "hw": "2"})
    assert found(database, "student:s1") == ["run_a", "run_b"]
    assert found(database, "student:s1", "hw:2") == ["run_b"]
    assert found(database, "hw:2", "student:s3") == []
    assert found(database) == ["run_a", "run_b", "run_c"]
    with pytest.raises(Invalid):
        found(database, "student")
