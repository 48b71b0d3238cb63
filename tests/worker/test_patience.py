"""A child waits for a database that is away, and only then."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from app.settings import Settings
from app.storage.database import Database
from worker.patience import write_patiently

pytestmark = pytest.mark.sql


def test_a_statement_that_is_wrong_is_an_error_and_no_reason_to_wait(settings: Settings) -> None:
    settings.home.mkdir()
    database = Database(settings.database)
    with pytest.raises(DBAPIError):
        write_patiently(database, lambda db: db.execute(text("UPDATE nothing SET WHERE")) and None)
    database.close()
