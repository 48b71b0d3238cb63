"""The schema: brought to the newest revision, or found to be there."""

from importlib.resources import files

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from app.storage.database import Database

ADVISORY_LOCK = 7_261_947  # any number, the same in every process


def config() -> Config:
    """Alembic's configuration, without a file."""
    found = Config()
    found.set_main_option("script_location", str(files("migrations")))
    return found


def upgrade(database: Database) -> None:
    """Migrate to the newest revision; processes that start together wait for one another."""
    engine = database.engine.execution_options(writes=True)
    with engine.begin() as connection:  # SQLite: BEGIN IMMEDIATE is the lock
        if not database.is_sqlite:
            connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": ADVISORY_LOCK})
        settings = config()
        settings.attributes["connection"] = connection
        command.upgrade(settings, "head")


def is_current(database: Database) -> bool:
    """Whether the schema is at the newest revision."""
    with database.engine.connect() as connection:
        at = MigrationContext.configure(connection).get_current_revision()
    return at == ScriptDirectory.from_config(config()).get_current_head()
