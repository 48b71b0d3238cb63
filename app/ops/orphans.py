"""Orphaned files, which no database row names: a killed process may leave them behind."""

import math
import shutil
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import select

from app.constants import DatasetStatus
from app.storage import batches, datasets
from app.storage.database import Database
from app.storage.files import LocalFiles
from app.storage.files.tree import files_below
from app.storage.tables import Batch, Dataset, Run

RUNS = "runs"
STALE_SECONDS = 3600.0  # a folder that changed later may belong to an upload or import in progress


def orphans(database: Database, files: LocalFiles) -> list[str]:
    """Folders of runs, uploads, arrays and batches that no row names and that have not changed for an hour."""
    there = {
        f"{kind}/{folder.name}": folder
        for kind in (RUNS, datasets.FOLDER, datasets.CONTENTS, batches.FOLDER)
        for folder in _folders(files.root / kind)
    }  # listed before the rows are read: a row names every folder created in between
    with database.read() as db:
        named = {f"{RUNS}/{id}" for id in db.scalars(select(Run.id))}
        named |= {batches.folder(id) for id in db.scalars(select(Batch.id))}
        importing = select(Dataset.id).where(Dataset.status == DatasetStatus.IMPORTING)
        named |= {f"{datasets.FOLDER}/{id}" for id in db.scalars(importing)}
        named |= {folder for folder in db.scalars(select(Dataset.folder)) if folder is not None}
    stale = time.time() - STALE_SECONDS
    return sorted(name for name, folder in there.items() if name not in named and _changed(folder) < stale)


def remove(database: Database, files: LocalFiles, names: list[str]) -> None:
    """Delete the named folders that are still orphaned. Raises OSError."""
    for name in names:
        with database.write() as db:
            if not name.startswith(datasets.CONTENTS) or datasets.is_unused(db, name):
                shutil.rmtree(files.root / name)


def _folders(place: Path) -> Iterator[Path]:
    return (folder for folder in place.iterdir() if folder.is_dir()) if place.is_dir() else iter(())


def _changed(folder: Path) -> float:
    """The last change of a folder, in seconds since 1970; infinity if a part of it has just been deleted."""
    try:
        return max(path.stat().st_mtime for path in (folder, *files_below(folder)))
    except FileNotFoundError:
        return math.inf
