"""Change detection: a query so cheap that an idle worker can poll many times a second."""

import sqlite3
import time
from typing import TYPE_CHECKING

from app.storage.database import Database

if TYPE_CHECKING:
    import psycopg

LONGEST_SECONDS = 2.0  # poll at least this often: a lease expires without a commit


class Changes:
    """A detector of other connections' commits. It keeps a connection open until `close`."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.connection: sqlite3.Connection | psycopg.Connection | None = None
        self.seen: object = None
        self.due = 0.0

    def should_poll(self) -> bool:
        """True if another connection has committed, `force_poll` was called, or the last poll was long ago."""
        now = time.monotonic()
        state = self._state()
        if state is not None and state == self.seen and now < self.due:
            return False
        self.seen, self.due = state, now + LONGEST_SECONDS
        return True

    def force_poll(self) -> None:
        """Force the next poll, for example after a slot became free."""
        self.due = 0.0

    def _state(self) -> object:
        """A value that changes when another connection commits; None if it cannot be read.

        SQLite counts the commits in its file's header (https://sqlite.org/pragma.html#pragma_data_version). A snapshot
        of Postgres lists the transactions in progress and the newest one
        (https://www.postgresql.org/docs/current/functions-info.html, "Transaction ID and Snapshot Information
        Functions"). Each commit changes it: the transaction leaves the list, or is newer than the last snapshot.
        """
        try:
            if self.connection is None:
                self.connection = self._connect()
            question = "PRAGMA data_version" if self.database.is_sqlite else "SELECT pg_current_snapshot()::text"
            row = self.connection.execute(question).fetchone()
            return row[0] if row else None
        except self.database.engine.dialect.loaded_dbapi.OperationalError:
            if not self.database.is_sqlite:  # the connection is broken; on SQLite it is only busy
                self.close()
            return None  # the poll that follows reports a lasting error

    def _connect(self) -> "sqlite3.Connection | psycopg.Connection":
        url = self.database.engine.url
        if self.database.is_sqlite:
            return sqlite3.connect(str(url.database), timeout=0, isolation_level=None)
        import psycopg

        address = url.set(drivername="postgresql").render_as_string(hide_password=False)
        return psycopg.connect(address, autocommit=True, connect_timeout=10)

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None
