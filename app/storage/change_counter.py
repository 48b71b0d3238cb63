"""Change counter: a query so cheap that it can be asked many times a second."""

import sqlite3
from typing import TYPE_CHECKING

from app.storage.database import Database

if TYPE_CHECKING:
    import psycopg


class ChangeCounter:
    """Tells whether other connections have committed. It keeps a connection open until `close`."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self.connection: sqlite3.Connection | psycopg.Connection | None = None

    def read(self) -> object:
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
            return None

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
