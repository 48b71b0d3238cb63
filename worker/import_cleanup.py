"""Clean-up after an import, in the worker's own process: nothing here loads the data libraries."""

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
    """Remove what an import leaves behind: the upload when it is over, a download when it is no longer needed.

    What cannot be removed now goes with the dataset.
    """
    try:
        with database.read() as db:
            found = db.get(Dataset, dataset)
            status = None if found is None else found.status
            published = None if found is None else found.source.get("catalogue")
        if status != DatasetStatus.IMPORTING:
            files.delete_folder(f"{datasets.FOLDER}/{dataset}")
        if status == DatasetStatus.READY and published:
            shutil.rmtree(downloads_of(home, published), ignore_errors=True)
    except (OperationalError, OSError) as error:
        log.warning("%s: what its import has left is not removed: %s", dataset, error)
