"""Change counters: values that change when another connection has committed, cheap enough to be read many times a
second."""

import sqlite3
from typing import TYPE_CHECKING, Protocol

from app.storage.database import Database

if TYPE_CHECKING:
    import psycopg

CHANNEL = "antigrad_jobs"  # of the triggers in migrations 0022 and 0023


class ChangeCounter(Protocol):
    """A counter with a connection of its own, which it keeps open until `close`."""

    def read(self) -> object:
        """A value that changes with each change; None if it cannot be read."""
        ...

    @property
    def descriptor(self) -> int | None:
        """A file descriptor that can be read after the next change; None if there is none."""
        ...

    def close(self) -> None: ...


class SQLiteCommits:
    """Commits, as SQLite counts them in its file's header (https://sqlite.org/pragma.html#pragma_data_version)."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.connection: sqlite3.Connection | None = None

    def read(self) -> object:
        try:
            if self.connection is None:
                path = str(self.database.engine.url.database)
                self.connection = sqlite3.connect(path, timeout=0, isolation_level=None)
            row = self.connection.execute("PRAGMA data_version").fetchone()
            return row[0] if row else None
        except sqlite3.OperationalError:  # it is busy
            return None

    @property
    def descriptor(self) -> None:
        return None

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


class PostgresNotices:
    """Commits that changed the status of a job, or what is to become of a run. Triggers send a notice of each
    (https://www.postgresql.org/docs/current/sql-notify.html), so an idle worker asks the server nothing."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.connection: psycopg.Connection | None = None
        self.notices = 0

    def read(self) -> object:
        try:
            if self.connection is None:
                self.connection = self._listen()
                self.notices += 1  # some may have been missed
            server = self.connection.pgconn
            server.consume_input()  # what has arrived; it does not wait
            while server.notifies() is not None:
                self.notices += 1
            return self.notices
        except self.database.engine.dialect.loaded_dbapi.OperationalError:  # the connection is broken
            self.close()
            return None

    @property
    def descriptor(self) -> int | None:
        return None if self.connection is None else self.connection.fileno()

    def _listen(self) -> "psycopg.Connection":
        import psycopg

        url = self.database.engine.url
        address = url.set(drivername="postgresql").render_as_string(hide_password=False)
        connection = psycopg.connect(address, autocommit=True, connect_timeout=10)
        connection.execute(f"LISTEN {CHANNEL}")
        return connection

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
            self.connection = None


def change_counter(database: Database) -> ChangeCounter:
    """The counter of changes after which there may be work or an order: on SQLite of all commits."""
    return SQLiteCommits(database) if database.is_sqlite else PostgresNotices(database)
