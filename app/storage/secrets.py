"""The secret that signs sessions and links. All processes of a service have it from the database."""

import secrets

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from app.storage.database import Database
from app.storage.tables import Secret

SIGNING = "signing"


def signing_secret(database: Database) -> str:
    """The secret; the first process makes it."""
    stored = select(Secret.value).where(Secret.name == SIGNING)
    with database.read() as db:
        value = db.scalar(stored)
    if value is not None:
        return value
    with database.write() as db:
        insert = sqlite.insert if database.is_sqlite else postgresql.insert
        new = {"name": SIGNING, "value": secrets.token_urlsafe(32)}
        db.execute(insert(Secret).values(new).on_conflict_do_nothing())
        return db.scalars(stored).one()
