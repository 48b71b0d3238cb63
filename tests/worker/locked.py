"""A SQLite database that is locked by another connection, without a waiting time."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.storage import database


def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let databases that are opened from now on raise at once."""
    monkeypatch.setattr(database, "BUSY_TIMEOUT_SECONDS", 0)


@contextmanager
def locked(file: Path, kind: str = "EXCLUSIVE") -> Iterator[sqlite3.Connection]:
    """Lock out readers and writers (`IMMEDIATE`: only writers) until the block ends or the connection is rolled
    back."""
    connection = sqlite3.connect(file, isolation_level=None)
    try:
        connection.execute(f"BEGIN {kind}")
        yield connection
    finally:
        connection.close()


@contextmanager
def locked_for(file: Path, tries: int, logger: str = "antigrad.retry") -> Iterator[list[str]]:
    """Lock until the logger has this many warnings; the list receives them."""
    warnings: list[str] = []
    log = logging.getLogger(logger)
    with locked(file) as connection:

        class Unlock(logging.Handler):
            def emit(self, record: logging.LogRecord) -> None:
                warnings.append(record.getMessage())
                if len(warnings) == tries:
                    connection.rollback()

        handler = Unlock()
        log.addHandler(handler)
        try:
            yield warnings
        finally:
            log.removeHandler(handler)
