"""One migration history, which creates the tables of the code on both databases."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from app.storage import migrate
from app.storage.database import Database
from app.storage.tables import Table

pytestmark = pytest.mark.sql


@pytest.fixture(params=["sqlite", "postgres"])
def url(tmp_path: Path, request: pytest.FixtureRequest) -> str:
    on_sqlite = request.param == "sqlite"
    return f"sqlite:///{tmp_path / 'new.db'}" if on_sqlite else request.getfixturevalue("postgres").new_database()


def is_no_index(_: object, __: str | None, type_: str, *___: object) -> bool:
    return type_ != "index"


@pytest.mark.filterwarnings("ignore:Skipped unsupported reflection", "ignore:autogenerate skipping")
def test_the_migrations_make_the_tables_of_the_code(url: str) -> None:
    database = Database(url)
    migrate.upgrade(database)
    with database.engine.connect() as connection:
        compared = {"compare_type": True, "compare_server_default": True, "include_object": is_no_index}
        context = MigrationContext.configure(connection, opts=compared)
        assert compare_metadata(context, Table.metadata) == []
    database.close()


def indexes(database: Database) -> set[str]:
    """The indexes as the database defines them. Alembic cannot compare those of expressions."""
    on_sqlite = "SELECT sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
    on_postgres = "SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'alembic_version'"
    with database.engine.connect() as connection:
        definitions = connection.execute(text(on_sqlite if database.is_sqlite else on_postgres)).scalars()
        return {" ".join(definition.split()).replace('"', "") for definition in definitions}


def test_the_migrations_make_the_indexes_of_the_code(url: str) -> None:
    database = Database(url)
    migrate.upgrade(database)
    migrated = indexes(database)
    with database.engine.execution_options(writes=True).begin() as connection:
        Table.metadata.drop_all(connection)
        Table.metadata.create_all(connection)
    assert indexes(database) == migrated
    assert any("ix_runs_test_accuracy" in definition for definition in migrated)
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
