"""Distinction between temporary and permanent errors."""

import time

import pytest
from sqlalchemy import func, select, text
from sqlalchemy.exc import DBAPIError

from app.storage import migrate
from app.storage.database import Database, is_away
from app.storage.tables import Run
from tests.support.postgres import Postgres
from tests.support.rows import insert_run


def test_a_transaction_that_postgres_ends_as_idle_may_be_tried_again(postgres: Postgres) -> None:
    database = Database(postgres.new_database())
    with pytest.raises(DBAPIError) as raised, database.write() as db:
        db.execute(text("SET idle_in_transaction_session_timeout = '1ms'"))
        while True:
            time.sleep(0.01)
            db.execute(text("SELECT 1"))
    assert is_away(raised.value)
    with database.read() as db:
        assert db.scalar(text("SELECT 1")) == 1
    database.close()


@pytest.mark.parametrize("statement", ["SELECT nothing FROM nowhere", "SELECT 1 / 0", "no statement"])
def test_a_statement_that_is_wrong_stays_so(postgres: Postgres, statement: str) -> None:
    database = Database(postgres.new_database())
    with pytest.raises(DBAPIError) as raised, database.read() as db:
        db.execute(text(statement))
    assert not is_away(raised.value)
    database.close()


def test_the_queries_of_a_read_see_one_state_of_the_database(postgres: Postgres) -> None:
    """On SQLite, a commit waits until all reads have ended."""
    database, count = Database(postgres.new_database()), select(func.count()).select_from(Run)
    migrate.upgrade(database)
    with database.read() as db:
        assert db.scalar(count) == 0
        with database.write() as other:
            insert_run(other, "run_1")
        assert db.scalar(count) == 0
    with database.read() as db:
        assert db.scalar(count) == 1
    database.close()
