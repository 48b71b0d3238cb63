"""One migration history, which creates the tables of the code on both databases."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from app.storage import migrate
from app.storage.database import Database
from app.storage.tables import Table

pytestmark = pytest.mark.sql


@pytest.fixture(params=["sqlite", "postgres"])
def url(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    on_sqlite = request.param == "sqlite"
    return f"sqlite:///{tmp_path / 'new.db'}" if on_sqlite else request.getfixturevalue("postgres").new_database()


def test_the_migrations_make_the_tables_of_the_code(url: str) -> None:
    database = Database(url)
    migrate.upgrade(database)
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "compare_server_default": True})
        assert compare_metadata(context, Table.metadata) == []
    database.close()


def test_there_is_one_history(url: str) -> None:
    assert len(ScriptDirectory.from_config(migrate.config()).get_heads()) == 1


def test_the_newest_revision_by_file_name_is_the_head_of_the_history(url: str) -> None:
    database = Database(url)
    assert not migrate.is_current(database)
    migrate.upgrade(database)
    assert migrate.is_current(database)
    with database.engine.connect() as connection:
        head = ScriptDirectory.from_config(migrate.config()).get_current_head()
        assert MigrationContext.configure(connection).get_current_revision() == head
    database.close()


def test_processes_that_start_together_migrate_once(url: str) -> None:
    databases = [Database(url) for _ in range(4)]
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(migrate.upgrade, databases))
    assert all(migrate.is_current(database) for database in databases)
    for database in databases:
        database.close()
