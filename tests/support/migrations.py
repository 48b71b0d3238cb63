"""Migrations of the schema to a given revision."""

from alembic import command

from app.storage import migrate
from app.storage.database import Database


def migrate_to(database: Database, revision: str, down: bool = False) -> None:
    with database.engine.execution_options(writes=True).begin() as connection:
        config = migrate.config()
        config.attributes["connection"] = connection
        (command.downgrade if down else command.upgrade)(config, revision)
