"""A SQLite database that refuses: another connection holds it, and nobody waits for that."""

import logging
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.storage import database


def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let databases opened from now on refuse at once."""
    monkeypatch.setattr(database, "BUSY_TIMEOUT_SECONDS", 0)


@contextmanager
def locked(file: Path, kind: str = "EXCLUSIVE") -> Iterator[sqlite3.Connection]:
    """Refuse readers and writers (`IMMEDIATE`: writers) until the block ends, or the connection is rolled back."""
    connection = sqlite3.connect(file, isolation_level=None)
    try:
        connection.execute(f"BEGIN {kind}")
        yield connection
    finally:
        connection.close()


@contextmanager
def locked_for(file: Path, tries: int, logger: str = "antigrad.retry") -> Iterator[list[str]]:
    """Refuse until the logger has warned so many times; its warnings are in the list."""
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
