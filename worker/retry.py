"""Retry helpers for a database or object store that is temporarily unavailable.

They block, so they are for child processes. The worker itself tries again in the next turn of its loop.
"""

import time
from collections.abc import Callable
from itertools import repeat
from typing import TypeVar

from sqlalchemy.orm import Session

from app.retry import retry
from app.storage import files
from app.storage.database import Database, is_away

T = TypeVar("T")
DATABASE_PAUSE = 0.2
STORE_PAUSE, STORE_SECONDS = 0.5, 300


def read_with_retry(database: Database, query: Callable[[Session], T]) -> T:
    """Run a query, waiting without limit for a database that is unavailable.

    The wait ends with the lease: the worker cannot renew it either, and kills this process when it expires.
    """

    def read() -> T:
        with database.read() as db:
            return query(db)

    return retry(read, is_away, repeat(DATABASE_PAUSE))


def write_with_retry(database: Database, change: Callable[[Session], None]) -> None:
    """Make a change in one transaction, waiting without limit for a database that is unavailable or full.

    The wait ends with the lease, as for `read_with_retry`.
    """

    def write() -> None:
        with database.write() as db:
            change(db)

    retry(write, is_away, repeat(DATABASE_PAUSE))


def advance_with_retry(action: Callable[[], T]) -> T:
    """Do what uses the database and files in several steps, waiting without limit for either.

    Repeating it must do no harm. The wait ends with the lease, as for `read_with_retry`.
    """
    return retry(action, lambda error: is_away(error) or files.is_away(error), repeat(DATABASE_PAUSE))


def use_files_with_retry(action: Callable[[], T]) -> T:
    """Read or write files, waiting up to `STORE_SECONDS` for a store that is unavailable.

    The worker renews the lease meanwhile, and kills this process when the run is paused or cancelled.

    Raises OSError if the store stays unavailable, and at once for any other reason.
    """
    return retry(action, files.is_away, repeat(STORE_PAUSE), deadline=time.monotonic() + STORE_SECONDS)
