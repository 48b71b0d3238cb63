"""`antigrad backup` and `restore`: SQLite and the files that it names as one .tar, taken while the service runs."""

import json
import sqlite3
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from app.constants import DatasetStatus
from app.datasets.arrays import file_names
from app.settings import Settings
from app.storage import datasets, migrate
from app.storage.database import Database

DATABASE = "antigrad.db"
TRIES = 5


class BackupFailed(Exception):
    """The sentence says why, and what to do."""


def backup(settings: Settings, target: Path) -> list[str]:
    """Write a copy of the service to `target`; answers the files that the database names but that are not there.

    The database is copied first, in one read transaction, then what that copy names. A named file never changes; one
    that vanishes meanwhile (a run was deleted, a checkpoint thinned out) is no longer named in the next copy.
    Raises BackupFailed.
    """
    if settings.files_url:
        raise BackupFailed(
            "the files lie in an object store: copy the database first (Postgres with pg_dump, SQLite with .backup), "
            "and after that what lies under ANTIGRAD_FILES_URL, by the store's own means"
        )
    if settings.database_url:
        raise BackupFailed(
            f"the database is Postgres: copy it with pg_dump, and after that the folder {settings.files} with tar"
        )
    source = settings.home / DATABASE
    if not source.exists():
        raise BackupFailed(f"there is nothing to back up: {source} does not exist; is ANTIGRAD_HOME right?")
    if target.exists():
        raise BackupFailed(f"{target} exists already; choose another name, or delete it")
    beside = target.with_name(f".{target.name}.part")
    missing: list[str] = []
    try:
        for _ in range(TRIES):
            missing = _write(source, settings.files, beside)
            if not missing:
                break
        beside.replace(target)
    except OSError as error:
        raise BackupFailed(f"{target} cannot be written: {error.strerror}") from error
    finally:
        beside.unlink(missing_ok=True)
    return missing


def _write(source: Path, files: Path, target: Path) -> list[str]:
    missing = []
    with tempfile.TemporaryDirectory(dir=target.parent) as folder, tarfile.open(target, "w") as archive:
        copy = Path(folder) / DATABASE
        with closing(sqlite3.connect(source, timeout=60)) as live, closing(sqlite3.connect(copy)) as still:
            live.backup(still)  # all pages at once: writers wait until it is done
            named = list(_named(still, files))
        archive.add(copy, DATABASE)
        for name in named:
            try:
                archive.add(files / name, f"files/{name}")
            except FileNotFoundError:
                missing.append(name)
    return missing


def _named(database: sqlite3.Connection, files: Path) -> Iterator[str]:
    """Every file that a row names, and those of the datasets."""
    for checkpoint, weights in database.execute("SELECT checkpoint, weights FROM runs WHERE status != 'deleted'"):
        yield from (name for name in (checkpoint, weights) if name)
    kept = "SELECT file FROM checkpoints JOIN runs ON runs.id = run WHERE status != 'deleted' AND file != checkpoint"
    yield from (file for (file,) in database.execute(kept))
    if "folder" not in {column for _, column, *_ in database.execute("PRAGMA table_info(datasets)")}:
        yield from _named_before_versions(database, files)
        return
    for folder, about in database.execute(
        "SELECT folder, MIN(about) FROM datasets WHERE folder IS NOT NULL GROUP BY folder"
    ):
        yield from (f"{folder}/{name}" for name in file_names(bool(json.loads(about).get("own_split"))))
        yield from (str(path.relative_to(files)) for path in sorted((files / folder / "splits").glob("*.npy")))
    for id, source in database.execute("SELECT id, source FROM datasets WHERE status = 'importing'"):
        yield from (datasets.upload(id, role) for role in json.loads(source).get("roles", [datasets.FILE]))


def _named_before_versions(database: sqlite3.Connection, files: Path) -> Iterator[str]:
    """The revision of a schema that may not be upgraded yet."""
    for id, status in database.execute("SELECT id, status FROM datasets"):
        parts = {DatasetStatus.READY: file_names(has_parts=False), DatasetStatus.IMPORTING: ("upload",)}.get(status, ())
        yield from (f"datasets/{id}/{part}" for part in parts)
        yield from (str(path.relative_to(files)) for path in sorted((files / f"datasets/{id}/splits").glob("*.npy")))


def restore(settings: Settings, source: Path) -> None:
    """Fill an empty home from a backup, and bring its schema up to date; what was running waits in the queue again.

    Raises BackupFailed, and then nothing was changed.
    """
    home = settings.home
    if settings.files_url:
        raise BackupFailed("ANTIGRAD_FILES_URL is set, and a backup holds its files; leave it out to restore one")
    if settings.database_url:
        raise BackupFailed("ANTIGRAD_DATABASE_URL is set, and a backup is of SQLite; leave it out to restore one")
    if home.exists() and any(home.iterdir()):
        raise BackupFailed(f"{home} is not empty; set ANTIGRAD_HOME to a folder that is, or that does not exist yet")
    home.parent.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=home.parent, prefix=".restore-") as folder:
            beside = Path(folder) / "home"
            with tarfile.open(source, "r:") as archive:
                archive.extractall(beside, filter="data")
            _check(beside / DATABASE)
            if home.exists():
                home.rmdir()
            beside.rename(home)
    except (OSError, tarfile.TarError) as error:
        raise BackupFailed(f"{source} cannot be restored: {error}") from error


def _check(copy: Path) -> None:
    if not copy.is_file():
        raise BackupFailed(f"this is no backup: it holds no {DATABASE}")
    try:
        database = Database(f"sqlite:///{copy.resolve()}")
        migrate.upgrade(database)
        database.close()
        with closing(sqlite3.connect(copy)) as db, db:
            db.execute("UPDATE runs SET status = 'queued', worker = NULL WHERE status = 'running'")
            db.execute("UPDATE datasets SET worker = NULL")
            db.execute("DELETE FROM workers")
    except Exception as error:
        raise BackupFailed(f"its {DATABASE} cannot be used: {error}") from error
