"""`antigrad doctor`: checks of this machine and the settings, with advice."""

import platform
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from sqlalchemy.exc import SQLAlchemyError

from app.datasets.names import some
from app.ops import orphans
from app.ops.startup import advice, reason
from app.os_errors import reason_of
from app.settings import Settings, SettingsRefused, load
from app.storage import migrate
from app.storage.database import Database, database_now
from app.storage.files import FilesRefused, LocalFiles, open_files
from app.storage.queue import workers

ENOUGH_BYTES = 1024**3


@dataclass(frozen=True)
class Finding:
    """The result of one check. `advice` says what to do if `status` is not "ok"."""

    check: str
    status: Literal["ok", "warn", "fail"]
    detail: str
    advice: str = ""


def examine(fix: bool = False) -> Iterator[Finding]:
    """Run all checks. With `fix`, delete orphaned files; nothing else is changed."""
    yield Finding("python", "ok", platform.python_version())
    yield Finding("torch", "ok", torch.__version__)
    yield _devices()
    try:
        settings = load()
    except SettingsRefused as error:
        yield Finding("settings", "fail", str(error), "correct it in the environment or in .env")
        return
    yield Finding("settings", "ok", "all are valid")
    home = _home(settings)
    yield home
    if home.status == "fail":
        return
    yield _disk(settings)
    yield _storage(settings)
    if not settings.database_url and not (settings.home / "antigrad.db").exists():
        yield Finding("database", "ok", "does not exist yet; antigrad serve creates it")
        return
    database = Database(settings.database)
    yield from _database(database, settings, fix)
    database.close()


def _devices() -> Finding:
    if torch.cuda.is_available():
        names = ", ".join(torch.cuda.get_device_name(index) for index in range(torch.cuda.device_count()))
        return Finding("devices", "ok", f"cpu, cuda ({names})")
    return Finding("devices", "ok", f"cpu ({torch.get_num_threads()} threads), no CUDA")


def _home(settings: Settings) -> Finding:
    try:
        with tempfile.TemporaryFile(dir=_nearest(settings.home)):
            pass
    except OSError as error:
        advice = "make it writable for this user, or set ANTIGRAD_HOME to another folder"
        return Finding("home", "fail", f"{settings.home} cannot be written to: {reason_of(error)}", advice)
    there = "can be written to" if settings.home.exists() else "does not exist yet; antigrad serve creates it"
    return Finding("home", "ok", f"{settings.home} {there}")


def _nearest(home: Path) -> Path:
    """The home, or the nearest parent folder that exists."""
    return next(place for place in (home.resolve(), *home.resolve().parents) if place.exists())


def _disk(settings: Settings) -> Finding:
    free = shutil.disk_usage(_nearest(settings.home)).free
    detail = f"{free / 1e9:.1f} GB free for {settings.home}"
    if free < ENOUGH_BYTES:
        return Finding("disk", "warn", detail, "delete runs that are not needed, or set ANTIGRAD_HOME to a larger disk")
    return Finding("disk", "ok", detail)


def _storage(settings: Settings) -> Finding:
    if not settings.files_url and not settings.home.exists():
        return Finding("storage", "ok", "does not exist yet; antigrad serve creates it")
    place = settings.files_url or settings.files
    try:
        files = open_files(settings.files_url, settings.home)
        files.write("ready/doctor", b"")
        files.delete("ready/doctor")
    except FilesRefused as error:
        return Finding("storage", "fail", str(error), "correct ANTIGRAD_FILES_URL, or leave it out")
    except OSError as error:
        advice = f"make {settings.home} writable for this user, or set ANTIGRAD_HOME to another folder"
        if settings.files_url:
            advice = "check ANTIGRAD_FILES_URL, AWS_ENDPOINT_URL and the credentials (AWS_ACCESS_KEY_ID, …)"
        return Finding("storage", "fail", f"{place} cannot be written to: {reason_of(error)}", advice)
    return Finding("storage", "ok", f"{place} can be written to")


def _database(database: Database, settings: Settings, fix: bool) -> Iterator[Finding]:
    try:
        current = migrate.is_current(database)
    except SQLAlchemyError as error:
        yield Finding("database", "fail", f"it cannot be used: {reason(error)}", advice(settings))
        return
    name = f"SQLite {sqlite3.sqlite_version}, with a rollback journal" if database.is_sqlite else "Postgres"
    yield Finding("database", "ok", name)
    if current:
        yield Finding("migrations", "ok", "the schema is at the newest revision")
        yield _workers(database, settings)
        if settings.files_url:
            yield Finding("strays", "ok", "not checked in an object store")
        else:
            yield _orphans(database, LocalFiles(settings.files), fix)
    else:
        yield Finding("migrations", "fail", "the schema is not at the newest revision", "antigrad migrate")


def _workers(database: Database, settings: Settings) -> Finding:
    """Check that a worker is alive if runs, imports or batches wait."""
    with database.read() as db:
        alive = len(workers.alive(db, database_now(), settings.lease_seconds))
        waiting = workers.open_work(db)
    if alive or not waiting:
        return Finding("workers", "ok", f"{alive} alive" if alive else "none is alive, and no work waits")
    detail = f"none is alive, while work waits (runs, imports and batches: {waiting:,})"
    return Finding("workers", "warn", detail, "start one with antigrad serve or antigrad worker")


def _orphans(database: Database, files: LocalFiles, fix: bool) -> Finding:
    """Check for orphaned files that killed processes have left behind."""
    folders = orphans.orphans(database, files)
    if not folders:
        detail = "no orphaned files: each folder belongs to a run or a dataset, or changed in the last hour"
        return Finding("strays", "ok", detail)
    taken = sum(files.size(name) for name in folders) / 1e6
    named = some(folders)
    if fix:
        orphans.remove(database, files, folders)
        done = f"deleted {len(folders)} orphaned folders ({taken:.1f} MB): {named}"
        return Finding("strays", "ok", done)
    detail = f"{len(folders)} orphaned folders ({taken:.1f} MB): {named}"
    return Finding("strays", "warn", detail, "antigrad doctor --fix deletes them")
