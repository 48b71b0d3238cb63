"""Schema migrations: upgrade to the newest revision, and check for it."""

from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from app.storage.database import Database

ADVISORY_LOCK = 7_261_947  # arbitrary, but the same in every process


def config() -> Config:
    """Alembic's configuration, without a file."""
    configuration = Config()
    configuration.set_main_option("script_location", str(files("migrations")))
    return configuration


def upgrade(database: Database) -> None:
    """Migrate to the newest revision. Concurrent calls wait for one another."""
    engine = database.engine.execution_options(writes=True)
    with engine.begin() as connection:  # SQLite: BEGIN IMMEDIATE is the lock
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
        configuration = config()
        configuration.attributes["connection"] = connection
        command.upgrade(configuration, "head")


def is_current(database: Database) -> bool:
    """True if the schema is at the newest revision."""
    with database.engine.connect() as connection:
        revision = MigrationContext.configure(connection).get_current_revision()
    return revision == ScriptDirectory.from_config(config()).get_current_head()
