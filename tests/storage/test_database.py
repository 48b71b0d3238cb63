"""Distinction between temporary and permanent errors."""

import time

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.storage.database import Database, is_away
from tests.support.postgres import Postgres


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
