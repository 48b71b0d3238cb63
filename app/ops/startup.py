"""Start-up errors as one sentence with advice."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy.exc import DatabaseError

from app.os_errors import reason_of
from app.settings import Settings
from app.storage import keys, migrate
from app.storage.database import Database
from app.storage.files import FilesRefused


@contextmanager
def starting(settings: Settings) -> Iterator[None]:
    """Context in which the home, the files and the database are opened; an error ends the process with status 1."""
    try:
        yield
    except FilesRefused as error:
        sys.exit(str(error))
    except OSError as error:
        place = error.filename or settings.files_url or settings.home
        asked = "is ANTIGRAD_FILES_URL right?" if settings.files_url else f"is ANTIGRAD_HOME={settings.home} right?"
        sys.exit(f"{place} cannot be read or written: {reason_of(error)}; {asked} antigrad doctor says more")
    except migrate.SchemaTooNew as error:
        sys.exit(f"the database belongs to a newer version of Antigrad ({error}): install that version")
    except DatabaseError as error:
        sys.exit(f"the database cannot be used: {reason(error)}; {advice(settings)}")


def check_database(settings: Settings) -> None:
    """Create the home if it is missing, and end the process unless the database can be used by this version."""
    with starting(settings):
        settings.create_home()
        database = Database(settings.database)
        migrate.check(database)
        database.close()


def requires_key(settings: Settings) -> bool:
    """True if a key has been set or created. Ends the process if the database cannot be used."""
    if settings.api_key is not None:
        return True
    with starting(settings):
        settings.create_home()
        database = Database(settings.database)
        with database.read() as db:
            has_keys = migrate.is_current(database) and keys.any_created(db)
        database.close()
    return has_keys


def reason(error: Exception) -> str:
    """The first line of the database's error, without the SQL statement."""
    return str(getattr(error, "orig", error)).splitlines()[0]


def advice(settings: Settings) -> str:
    """Advice for a database that cannot be used."""
    if settings.database_url:
        return "start the database, or correct ANTIGRAD_DATABASE_URL"
    return f"check {settings.home / 'antigrad.db'}, or move it away and restore a backup with antigrad restore"
