"""Clean-up after an import, in the worker's own process, so this module does not load the data libraries."""

import logging
import shutil
from pathlib import Path

from sqlalchemy.exc import OperationalError

from app.constants import DatasetStatus
from app.storage import datasets
from app.storage.database import Database
from app.storage.files import Files
from app.storage.tables import Dataset

log = logging.getLogger("antigrad.worker")


def downloads_of(home: Path, published: str) -> Path:
    """Folder of the downloads of a catalogue entry; a later import resumes from it."""
    return home / "downloads" / published


def tidy(database: Database, files: Files, home: Path, dataset: str) -> None:
    """Remove the upload of an import that has ended, and the downloads of one that succeeded.

    Files that cannot be removed now are deleted together with the dataset.
    """
    try:
        with database.read() as db:
            row = db.get(Dataset, dataset)
            status = None if row is None else row.status
            published = None if row is None else row.source.get("catalogue")
        if status != DatasetStatus.IMPORTING:
            files.delete_folder(f"{datasets.FOLDER}/{dataset}")
        if status == DatasetStatus.READY and published:
            shutil.rmtree(downloads_of(home, published), ignore_errors=True)
    except (OperationalError, OSError) as error:
        log.warning("%s: the files of its import could not be removed: %s", dataset, error)
