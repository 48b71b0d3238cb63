"""`antigrad doctor`: what this machine has, what is missing, and what to do about it."""

import platform
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

import torch
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from app.settings import Settings
from app.storage import migrate
from app.storage.database import Database
from app.storage.files import FilesRefused, open_files

ENOUGH_BYTES = 1024**3


@dataclass(frozen=True)
class Finding:
    """One check. `advice` says what to do where `status` is not "ok"."""

    check: str
    status: Literal["ok", "warn", "fail"]
    detail: str
    advice: str = ""


def examine(settings: Settings) -> Iterator[Finding]:
    """All checks, one after another; none changes anything."""
    yield Finding("python", "ok", platform.python_version())
    yield Finding("torch", "ok", torch.__version__)
    yield _devices()
    yield _disk(settings)
    yield _storage(settings)
    if not settings.database_url and not (settings.home / "antigrad.db").exists():
        yield Finding("database", "ok", "there is none yet; antigrad serve makes it")
        return
    database = Database(settings.database)
    yield _database(database)
    yield _migrations(database)
    database.close()


def _devices() -> Finding:
    if torch.cuda.is_available():
        names = ", ".join(torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count()))
        return Finding("devices", "ok", f"cpu, cuda ({names})")
    return Finding("devices", "ok", f"cpu ({torch.get_num_threads()} threads), no CUDA")


def _disk(settings: Settings) -> Finding:
    there = next(folder for folder in (settings.home.resolve(), *settings.home.resolve().parents) if folder.exists())
    free = shutil.disk_usage(there).free
    detail = f"{free / 1e9:.1f} GB free for {settings.home}"
    if free < ENOUGH_BYTES:
        return Finding("disk", "warn", detail, "delete runs that are not needed, or set ANTIGRAD_HOME to a larger disk")
    return Finding("disk", "ok", detail)


def _storage(settings: Settings) -> Finding:
    if not settings.files_url and not settings.home.exists():
        return Finding("storage", "ok", f"{settings.home} does not exist yet; antigrad serve makes it")
    place = settings.files_url or settings.files
    try:
        files = open_files(settings.files_url, settings.home)
        files.write("ready/doctor", b"")
        files.delete("ready/doctor")
    except FilesRefused as error:
        return Finding("storage", "fail", str(error), "mend ANTIGRAD_FILES_URL, or leave it out")
    except OSError as error:
        advice = f"make {settings.home} writable for this user, or set ANTIGRAD_HOME to another folder"
        if settings.files_url:
            advice = "mend ANTIGRAD_FILES_URL, AWS_ENDPOINT_URL or the credentials (AWS_ACCESS_KEY_ID, …)"
        return Finding("storage", "fail", f"{place} cannot be written to: {error.strerror}", advice)
    return Finding("storage", "ok", f"{place} can be written to")


def _database(database: Database) -> Finding:
    name = f"SQLite {sqlite3.sqlite_version}, with a rollback journal" if database.is_sqlite else "Postgres"
    return _asked(database, "database", lambda: Finding("database", "ok", name))


def _migrations(database: Database) -> Finding:
    def current() -> Finding:
        if migrate.is_current(database):
            return Finding("migrations", "ok", "the schema is at the newest revision")
        return Finding("migrations", "fail", "the schema is not at the newest revision", "antigrad migrate")

    return _asked(database, "migrations", current)


def _asked(database: Database, check: str, question: Callable[[], Finding]) -> Finding:
    try:
        with database.read() as db:
            db.execute(text("SELECT 1"))
        return question()
    except SQLAlchemyError as error:
        reason = str(getattr(error, "orig", error)).splitlines()[0]
        advice = "start the database, or mend ANTIGRAD_DATABASE_URL"
        return Finding(check, "fail", f"it does not answer: {reason}", advice)
