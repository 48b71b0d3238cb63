"""An upgrade from any earlier schema, with runs in every status, loses no data."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import MetaData, insert, select, text

from app.datasets.builtin import BUILTIN
from app.settings import Settings
from app.storage import migrate
from app.storage.database import Database
from app.storage.files import LocalFiles
from tests.support.migrations import migrate_to
from tests.support.services import client_of

pytestmark = [pytest.mark.sql, pytest.mark.filterwarnings("ignore:Skipped unsupported reflection")]

REVISIONS = [script.revision for script in ScriptDirectory.from_config(migrate.config()).walk_revisions()]
STATUSES = ("queued", "running", "paused", "succeeded", "failed", "cancelled")


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    settings.home.mkdir()
    database = Database(settings.database)
    yield database
    database.close()


def fill(database: Database) -> None:
    """Rows in each table, by the columns and types of this schema."""
    metadata = MetaData()
    metadata.reflect(database.engine)
    with database.engine.begin() as connection:
        for table in metadata.sorted_tables:
            if table.name == "alembic_version":
                continue
            for index, status in enumerate(STATUSES):
                row: dict[str, Any] = {}
                for column in table.columns:
                    if column.foreign_keys:
                        target = next(iter(column.foreign_keys)).column.table.name
                        row[column.name] = f"{target}-{index}"
                    elif column.name == "status":
                        row[column.name] = status
                    elif column.primary_key and column.type.python_type is str:
                        row[column.name] = f"{table.name}-{index}"
                    elif not column.nullable or column.name in ("error", "weights", "worker", "finished_at"):
                        kind = column.type.python_type
                        value = {int: index, float: index + 0.5, bytes: b"\x00\x01", str: f"{column.name}-{index}"}
                        row[column.name] = (value | {bool: index % 2 == 0}).get(kind, {"index": index})
                connection.execute(insert(table).values(**row))


def content(database: Database, columns: dict[str, list[str]] | None = None) -> dict[str, Any]:
    """Every row of every table, limited to the given columns where they exist."""
    metadata = MetaData()
    metadata.reflect(database.engine)
    found = {}
    with database.engine.connect() as connection:
        for table in metadata.sorted_tables:
            if table.name == "alembic_version" or (columns is not None and table.name not in columns):
                continue
            names = columns[table.name] if columns else [column.name for column in table.columns]
            rows = connection.execute(select(*(table.c[name] for name in names)))
            found[table.name] = (names, sorted(tuple(map(repr, row)) for row in rows))
    return found


@pytest.mark.parametrize("revision", REVISIONS)
def test_an_upgrade_loses_nothing(database: Database, revision: str) -> None:
    migrate_to(database, revision)
    fill(database)
    before = content(database)
    assert all(len(rows) == len(STATUSES) for _, rows in before.values())
    migrate.upgrade(database)
    assert migrate.is_current(database)
    assert content(database, {table: names for table, (names, _) in before.items()}) == before


def test_the_way_back_loses_no_run_either(database: Database) -> None:
    migrate_to(database, "head")
    fill(database)
    before = content(database)["runs"]
    migrate_to(database, REVISIONS[-1], down=True)
    names, after = content(database)["runs"]
    places = [before[0].index(name) for name in names]
    assert after == sorted(tuple(row[place] for place in places) for row in before[1])


def test_the_datasets_of_the_schema_before_are_read_where_they_lie(database: Database, settings: Settings) -> None:
    migrate_to(database, "0006")
    arrays = BUILTIN["digits"].load()
    files = LocalFiles(settings.files)
    for id in ("digits", "ds_mine"):
        arrays.save(files, f"datasets/{id}")
        row = {"id": id, "name": id, "status": "ready", "about": json.dumps(arrays.about()), "created_at": 1.0}
        with database.engine.execution_options(writes=True).begin() as connection:
            connection.execute(
                text("INSERT INTO datasets (id, name, status, about, skipped, attempt, deaths, created_at)"
                     " VALUES (:id, :name, :status, :about, '[]', 0, 0, :created_at)"), row
            )  # fmt: skip
    with client_of(settings) as client:
        for id in ("digits", "ds_mine"):
            found = client.get(f"/datasets/{id}").json()
            assert found["version"] == 1 and found["status"] == "ready"
            assert client.get(f"/datasets/{id}/images/0.png").status_code == 200
            assert client.post("/runs", json={"dataset": id}).status_code == 202
