"""Connections to SQLite or Postgres, with separate transactions for reading and for writing.

SQLite runs with a rollback journal (`DELETE`), not WAL: SQLite before 3.51.3 can corrupt a WAL when two connections
checkpoint at once (https://sqlite.org/wal.html, "the WAL-reset bug"), distributions ship older ones, and a rollback
journal is quick enough (hundreds of claims a second). `synchronous=FULL`, since a fence must never go back.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from typing import Any

import re2
from sqlalchemy import CursorResult, Engine, Update, create_engine, event
from sqlalchemy.exc import DBAPIError, OperationalError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import Float

from app.access import EVERYBODY, Caller
from app.constants import BUSY_TIMEOUT_SECONDS
from app.storage.visibility import limit_to_caller

CONNECTIONS = 40  # at most, unless the settings say otherwise
STAY_OPEN = 5


event.listen(Session, "do_orm_execute", limit_to_caller)


class database_now(FunctionElement[float]):
    """The database's clock in seconds since 1970. Leases are never measured by a machine's own clock."""

    type = Float()
    inherit_cache = True


@compiles(database_now, "sqlite")
def _sqlite_now(*_: Any, **__: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(database_now, "postgresql")
def _postgres_now(*_: Any, **__: Any) -> str:
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS double precision)"


class Database:
    """An engine with its two kinds of transaction, and a pool of at most so many connections. Not to be used after a
    fork.

    A thread that finds none free waits for one, so a thread must never hold two.
    """

    def __init__(self, url: str, connections: int = CONNECTIONS) -> None:
        self.url = url
        kept = min(STAY_OPEN, connections)
        pool = {"pool_size": kept, "max_overflow": connections - kept}
        self.engine = _sqlite(url, pool) if url.startswith("sqlite") else _postgres(url, pool)
        snapshot = {} if self.is_sqlite else {"isolation_level": "REPEATABLE READ"}
        self.snapshots = self.engine.execution_options(**snapshot)  # the same connections, for reads
        self.caller = EVERYBODY

    def of(self, caller: Caller) -> "Database":
        """This database as the caller sees it: rows of other owners do not exist in it."""
        database = copy(self)
        database.caller = caller
        return database

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only reads: all of its queries see the database as its first one did.

        Postgres would let each query see what has been committed until then, such as a sweep's trial without its runs.
        """
        with Session(self.snapshots, info={"caller": self.caller}) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that writes: commits at the end, rolls back on any error.

        On SQLite it is `BEGIN IMMEDIATE`: a transaction that began as a reader fails at its first write if another
        one writes.
        """
        engine = self.engine.execution_options(writes=True)
        info = {"caller": self.caller}
        with Session(engine, expire_on_commit=False, info=info) as session, session.begin():
            yield session

    def close(self) -> None:
        self.engine.dispose()


# SQLite reports a wrong statement as an operational error too. These are temporary, or end when the disk has room.
TEMPORARY = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
)


def is_away(error: Exception) -> bool:
    """True if the database is temporarily unavailable, so that a retry makes sense.

    A lost connection counts whatever its error: Postgres ends a transaction that was idle for too long with an
    internal error.
    """
    if isinstance(error, DBAPIError) and error.connection_invalidated:
        return True
    if not isinstance(error, OperationalError):
        return False
    code = getattr(error.orig, "sqlite_errorcode", None)
    return code is None or code & 0xFF in TEMPORARY


def changed_rows(db: Session, statement: Update) -> int:
    """Execute an update; returns the number of rows that matched."""
    result = db.execute(statement.execution_options(synchronize_session=False))
    assert isinstance(result, CursorResult)
    return result.rowcount


def _sqlite(url: str, pool: dict[str, int]) -> Engine:
    arguments = {"timeout": BUSY_TIMEOUT_SECONDS, "isolation_level": None}
    engine = create_engine(url, connect_args=arguments, poolclass=QueuePool, **pool)

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _: Any) -> None:
        if connection.execute("PRAGMA page_count").fetchone()[0] == 0:
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")  # a file that has tables would need a VACUUM
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")
        connection.create_function("regexp", 2, _matches, deterministic=True)

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _matches(pattern: str, text: str | None) -> bool | None:
    """SQL's `text REGEXP pattern`, in time in proportion to the text whatever the pattern is."""
    return None if text is None else re2.search(pattern, text) is not None


def _postgres(url: str, pool: dict[str, int]) -> Engine:
    # The timeouts end the transaction of a frozen process, so that another worker can claim its run.
    options = "-c statement_timeout=60000 -c lock_timeout=10000 -c idle_in_transaction_session_timeout=30000"
    return create_engine(
        url,
        pool_pre_ping=True,
        connect_args={"options": options, "connect_timeout": 10},
        **pool,
    )
