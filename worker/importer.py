"""What runs in the child process that makes a dataset of an upload."""

import logging
import traceback
from typing import Any

from sqlalchemy.exc import OperationalError

from app.datasets.errors import ImportFailed
from app.datasets.folders import read_folders
from app.storage import imports
from app.storage.database import Database
from app.storage.files import Files
from app.storage.leases import LeaseLost
from app.storage.tables import Dataset
from worker.orders import Orders
from worker.patience import use_patiently, write_patiently

log = logging.getLogger("antigrad.worker")
UPLOAD = "upload"


def main(job: dict[str, Any], database: Database, files: Files, orders_descriptor: int) -> None:
    """Import one dataset, to `ready` or `failed`. It takes no orders but leaves with its worker.

    Two attempts may write the files at once, if a frozen worker comes back: each is renamed into its place whole, and
    the same upload makes the same bytes.
    """
    Orders(orders_descriptor, job["lease_seconds"])
    this = job["id"], job["attempt"]
    try:
        try:
            imported = use_patiently(lambda: read_folders(files.local(f"datasets/{job['id']}/{UPLOAD}")))
            use_patiently(lambda: imported.arrays.save(files, f"datasets/{job['id']}"))
        except Exception as error:
            traceback.print_exc()
            reason = _sentence(error)
            write_patiently(database, lambda db: imports.fail(db, *this, reason))
        else:
            about = imported.arrays.about()
            write_patiently(database, lambda db: imports.ready(db, *this, about, imported.skipped))
    except LeaseLost:
        return


def _sentence(error: Exception) -> str:
    match error:
        case ImportFailed():
            return str(error)
        case OSError():
            advice = "see to the disk or the object store, then send it again"
            return f"its files cannot be written or read: {error.strerror}; {advice}"
        case MemoryError():
            return "the worker has not enough memory for it; send fewer pictures"
        case _:
            return f"the import broke down: {type(error).__name__}: {error}"


def tidy(database: Database, files: Files, dataset: str) -> None:
    """Remove what an import leaves behind: the upload when the dataset is ready, all when it failed or was deleted.

    What cannot be removed now goes with the dataset.
    """
    try:
        with database.read() as db:
            found = db.get(Dataset, dataset)
            status = None if found is None else found.status
        if status == "ready":
            files.delete(f"datasets/{dataset}/{UPLOAD}")
        elif status != "importing":
            files.delete_folder(f"datasets/{dataset}")
    except (OperationalError, OSError) as error:
        log.warning("%s: what its import has left is not removed: %s", dataset, error)
