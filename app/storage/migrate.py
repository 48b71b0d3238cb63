"""Schema migrations: upgrade to the newest revision, and check for it."""

from functools import cache
from importlib.resources import files
from pathlib import PurePath
from typing import TYPE_CHECKING

from sqlalchemy import Connection, inspect, text

from app.storage.database import Database

if TYPE_CHECKING:  # Alembic is imported only to migrate
    from alembic.config import Config

ADVISORY_LOCK = 7_261_947  # arbitrary, but the same in every process


class SchemaTooNew(Exception):
    """The database has a revision that this version of Antigrad lacks."""


def config() -> "Config":
    """Alembic's configuration, without a file."""
    from alembic.config import Config

    configuration = Config()
    configuration.set_main_option("script_location", str(files("migrations")))
    return configuration


def upgrade(database: Database) -> None:
    """Migrate to the newest revision. Concurrent calls wait for one another. Raises SchemaTooNew."""
    check(database)
    if is_current(database):
        return
    from alembic import command

    engine = database.engine.execution_options(writes=True)
    with engine.begin() as connection:  # SQLite: BEGIN IMMEDIATE is the lock
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
        configuration = config()
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, "head")


def check(database: Database) -> None:
    """Read the revision, which shows that the database can be used. Raises SchemaTooNew."""
    with database.engine.connect() as connection:
        revision = _revision(connection)
    if revision is not None and revision not in _revisions():
        raise SchemaTooNew(f"its schema has the revision {revision}")


def is_current(database: Database) -> bool:
    """True if the schema is at the newest revision."""
    with database.engine.connect() as connection:
        return _revision(connection) == max(_revisions())


def _revision(connection: Connection) -> str | None:
    """The database's revision; None for an empty database."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    revision: str | None = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return revision


@cache
def _revisions() -> frozenset[str]:
    """The numbers at the beginning of the migrations' file names."""
    names = (PurePath(file.name) for file in (files("migrations") / "versions").iterdir())
    return frozenset(name.stem.partition("_")[0] for name in names if name.suffix == ".py")
