"""Writing from a child process."""

import time
import traceback
from collections.abc import Callable

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.storage.database import Database, is_away


def write_patiently(database: Database, change: Callable[[Session], None]) -> None:
    """Make a change in one transaction, waiting for a database that is away (or full) to come back.

    While it waits the worker cannot renew the lease either; it ends this process when the lease is over.
    """
    while True:
        try:
            with database.write() as db:
                change(db)
            return
        except OperationalError as error:
            if not is_away(error):
                raise
            traceback.print_exc()
            time.sleep(0.2)
