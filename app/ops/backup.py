"""`antigrad backup` and `restore`: a .tar with the SQLite database and its files, written while the service runs."""

import json
import sqlite3
import stat
import tarfile
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from app.constants import DatasetStatus
from app.datasets.arrays import file_names
from app.os_errors import reason_of
from app.settings import HOME_MODE, Settings
from app.storage import batches, datasets, migrate
from app.storage.database import Database
from app.storage.files import OutsideOfStore, inside

DATABASE = "antigrad.db"
TRIES = 5


class BackupFailed(Exception):
    """The backup or restore failed; the message says why and what to do."""


def backup(settings: Settings, target: Path) -> list[str]:
    """Write a copy of the service to `target`; returns the files that the database names but that do not exist.

    The database is copied first, in one read transaction, then the files that the copy names. A named file never
    changes. If one disappears meanwhile (a run or an old checkpoint is deleted), the next copy no longer names it.
    Raises BackupFailed.
    """
    if settings.files_url:
        raise BackupFailed(
            "the files are in an object store: copy the database first (Postgres with pg_dump, SQLite with .backup), "
            "then the objects under ANTIGRAD_FILES_URL with the store's own tools"
        )
    if settings.database_url:
        raise BackupFailed(f"the database is Postgres: copy it with pg_dump, then the folder {settings.files} with tar")
    source = settings.home / DATABASE
    if not source.exists():
        raise BackupFailed(f"there is nothing to back up: {source} does not exist; is ANTIGRAD_HOME right?")
    if target.exists():
        raise BackupFailed(f"{target} exists already; choose another name, or delete it")
    temporary = target.with_name(f".{target.name}.part")
    missing: list[str] = []
    try:
        for _ in range(TRIES):
            missing = _write(source, settings.files, temporary)
            if not missing:
                break
        temporary.replace(target)
    except OutsideOfStore as error:
        raise BackupFailed(f"{source} cannot be backed up: {_outside(error)}") from error
    except OSError as error:
        raise BackupFailed(f"{target} cannot be written: {reason_of(error)}") from error
    finally:
        temporary.unlink(missing_ok=True)
    return missing


def _write(source: Path, files: Path, target: Path) -> list[str]:
    missing = []
    with tempfile.TemporaryDirectory(dir=target.parent) as folder, tarfile.open(target, "w") as archive:
        copy = Path(folder) / DATABASE
        with closing(sqlite3.connect(source, timeout=60)) as live, closing(sqlite3.connect(copy)) as still:
            live.backup(still)  # all pages at once: writers wait until it is done
            named = [inside(name) for name in _named(still, files)]
        archive.add(copy, DATABASE)
        for name in named:
            try:
                archive.add(files / name, f"files/{name}")
            except FileNotFoundError:
                missing.append(name)
    return missing


def _named(database: sqlite3.Connection, files: Path) -> Iterator[str]:
    """Names of all files that belong to a run, a dataset or a batch."""
    for checkpoint, weights in database.execute("SELECT checkpoint, weights FROM runs WHERE status != 'deleted'"):
        yield from (name for name in (checkpoint, weights) if name)
    kept = (
        "SELECT file FROM checkpoints JOIN runs ON runs.id = run WHERE status != 'deleted' AND file IS NOT checkpoint"
    )
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
    if database.execute("SELECT 1 FROM sqlite_master WHERE name = 'batches'").fetchone():
        yield from _of_batches(database)


def _of_batches(database: sqlite3.Connection) -> Iterator[str]:
    """Names of the results of batches, and of the uploads of those that have not ended."""
    for id, result, finished_at, source in database.execute("SELECT id, result, finished_at, source FROM batches"):
        if result is not None:
            yield result
        elif finished_at is None and "upload" in json.loads(source):
            yield batches.upload_of(id)


def _named_before_versions(database: sqlite3.Connection, files: Path) -> Iterator[str]:
    """Names of the datasets' files in a database of an older revision, without versions of datasets."""
    for id, status in database.execute("SELECT id, status FROM datasets"):
        parts = {DatasetStatus.READY: file_names(has_parts=False), DatasetStatus.IMPORTING: ("upload",)}.get(status, ())
        yield from (f"datasets/{id}/{part}" for part in parts)
        yield from (str(path.relative_to(files)) for path in sorted((files / f"datasets/{id}/splits").glob("*.npy")))


def restore(settings: Settings, source: Path) -> None:
    """Fill an empty home from a backup, and upgrade its schema. Runs that were running are queued again.

    Raises BackupFailed; nothing has changed then.
    """
    home = settings.home
    if settings.files_url:
        raise BackupFailed("ANTIGRAD_FILES_URL is set, but a backup contains its files; unset it to restore one")
    if settings.database_url:
        raise BackupFailed("ANTIGRAD_DATABASE_URL is set, but a backup contains SQLite; unset it to restore one")
    if home.exists() and any(home.iterdir()):
        raise BackupFailed(f"{home} is not empty; set ANTIGRAD_HOME to an empty or new folder")
    home.parent.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.TemporaryDirectory(dir=home.parent, prefix=".restore-") as folder:
            restored = Path(folder) / "home"
            restored.mkdir()
            restored.chmod(stat.S_IMODE(home.stat().st_mode) if home.exists() else HOME_MODE)
            with tarfile.open(source, "r:") as archive:
                archive.extractall(restored, filter="data")
            _check(restored)
            if home.exists():
                home.rmdir()
            restored.rename(home)
    except (OSError, tarfile.TarError) as error:
        raise BackupFailed(f"{source} cannot be restored: {error}") from error


def _check(home: Path) -> None:
    """Upgrade the database of a restored home, and release what workers held."""
    copy = home / DATABASE
    if not copy.is_file():
        raise BackupFailed(f"this is not a backup: it contains no {DATABASE}")
    try:
        database = Database(f"sqlite:///{copy.resolve()}")
        migrate.upgrade(database)
        database.close()
        with closing(sqlite3.connect(copy)) as db, db:
            db.execute("UPDATE runs SET status = 'queued', worker = NULL WHERE status = 'running'")
            db.execute("UPDATE datasets SET worker = NULL")
            db.execute("DELETE FROM workers")
            _check_names(db, home / "files")
    except OutsideOfStore as error:
        raise BackupFailed(f"its {DATABASE} cannot be used: {_outside(error)}") from error
    except Exception as error:
        raise BackupFailed(f"its {DATABASE} cannot be used: {error}") from error


def _check_names(database: sqlite3.Connection, files: Path) -> None:
    """Raise OutsideOfStore if a run or a dataset would read, write or delete files outside of the store."""
    for (id,) in database.execute("SELECT id FROM runs UNION ALL SELECT id FROM datasets"):
        inside(id)  # names its folder
    for name in _named(database, files):
        inside(name)


def _outside(error: OutsideOfStore) -> str:
    return f"{reason_of(error)}, {error.filename!r}"
