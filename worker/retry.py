"""What a child process does when the database or the store of the files is away: it waits."""

import time
import traceback
from collections.abc import Callable
from typing import TypeVar

from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from app.storage import files
from app.storage.database import Database, is_away

T = TypeVar("T")
STORE_SECONDS = 300


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


def use_patiently(action: Callable[[], T]) -> T:
    """Read or write files, waiting for a store that is away. Raises OSError: when it stays away, or for other reasons.

    The worker renews the lease meanwhile, and ends this process when the run is to be paused or cancelled.
    """
    deadline = time.monotonic() + STORE_SECONDS
    while True:
        try:
            return action()
        except OSError as error:
            if not files.is_away(error) or time.monotonic() > deadline:
                raise
            traceback.print_exc()
            time.sleep(0.5)
