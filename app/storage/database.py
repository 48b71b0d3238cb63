"""Connections: SQLite or Postgres, opened so that a reader and a writer each say which they are.

SQLite runs with a rollback journal (`DELETE`), not WAL: SQLite before 3.51.3 can corrupt a WAL when two connections
checkpoint at once (https://sqlite.org/wal.html, "the WAL-reset bug"), distributions ship older ones, and a rollback
journal is quick enough (hundreds of claims a second). `synchronous=FULL`, since a fence must never go back.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Session
from sqlalchemy.pool import QueuePool
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import Float

from app.constants import BUSY_TIMEOUT_SECONDS

# Up to 40 connections, as many as the API has threads for its routes: none of them waits for one. Five are kept open.
POOL: dict[str, Any] = {"pool_size": 5, "max_overflow": 35}


class database_now(FunctionElement[float]):
    """The database's clock, in seconds since 1970: leases are never measured by a machine's."""

    type = Float()
    inherit_cache = True


@compiles(database_now, "sqlite")
def _sqlite_now(*_: Any, **__: Any) -> str:
    return "((julianday('now') - 2440587.5) * 86400.0)"


@compiles(database_now, "postgresql")
def _postgres_now(*_: Any, **__: Any) -> str:
    return "CAST(EXTRACT(EPOCH FROM clock_timestamp()) AS double precision)"


class Database:
    """One engine, and the two ways to use it. Never carry one across a fork."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = _sqlite(url) if url.startswith("sqlite") else _postgres(url)

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A transaction that only reads."""
        with Session(self.engine) as session:
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A transaction that writes: commits at the end, rolls back on any error.

        On SQLite it is `BEGIN IMMEDIATE`: a reader that turned writer half-way would fail at once instead of waiting.
        """
        engine = self.engine.execution_options(writes=True)
        with Session(engine, expire_on_commit=False) as session, session.begin():
            yield session

    def close(self) -> None:
        self.engine.dispose()


# SQLite calls a wrong statement an operational error too; these are what passes by itself, or when somebody makes room.
PASSING = (
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_CANTOPEN,
)


def is_away(error: OperationalError) -> bool:
    """Whether the database cannot answer now, so that trying again makes sense."""
    code = getattr(error.orig, "sqlite_errorcode", None)
    return code is None or code & 0xFF in PASSING


def _sqlite(url: str) -> Engine:
    arguments = {"timeout": BUSY_TIMEOUT_SECONDS, "isolation_level": None}
    engine = create_engine(url, connect_args=arguments, poolclass=QueuePool, **POOL)

    @event.listens_for(engine, "connect")
    def set_up(connection: Any, _: Any) -> None:
        if connection.execute("PRAGMA page_count").fetchone()[0] == 0:
            connection.execute("PRAGMA auto_vacuum=INCREMENTAL")  # later it would take a VACUUM of everything
        connection.execute("PRAGMA journal_mode=DELETE")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

    return engine


def _postgres(url: str) -> Engine:
    # A process that was frozen in mid-transaction is cut off in the end, so that its run can be taken over.
    options = "-c statement_timeout=60000 -c lock_timeout=10000 -c idle_in_transaction_session_timeout=30000"
    return create_engine(
        url,
        pool_pre_ping=True,
        connect_args={"options": options, "connect_timeout": 10},
        **POOL,
    )
