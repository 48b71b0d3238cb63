"""What runs in the child process that makes a dataset of an upload."""

import traceback
from pathlib import Path
from typing import Any

from app.datasets.errors import ImportFailed
from app.datasets.folders import read_folders
from app.storage import imports
from app.storage.database import Database
from app.storage.files import Files
from app.storage.leases import LeaseLost
from app.storage.tables import Dataset
from worker.orders import Orders
from worker.patience import write_patiently

UPLOAD = "upload"


def main(job: dict[str, Any], orders_descriptor: int) -> None:
    """Import one dataset, to `ready` or `failed`. It takes no orders but leaves with its worker.

    Two attempts may write the files at once, if a frozen worker comes back: each is renamed into its place whole, and
    the same upload makes the same bytes.
    """
    Orders(orders_descriptor, job["lease_seconds"])
    database, files = Database(job["database"]), Files(Path(job["files"]) / "datasets" / job["id"])
    this = job["id"], job["attempt"]
    try:
        try:
            imported = read_folders(files.path(UPLOAD))
            imported.arrays.save(files.create)
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
            return f"its files cannot be written or read: {error.strerror}; see to the disk, then send it again"
        case MemoryError():
            return "the worker has not enough memory for it; send fewer pictures"
        case _:
            return f"the import broke down: {type(error).__name__}: {error}"


def tidy(database: Database, files: Files, dataset: str) -> None:
    """Remove what an import leaves behind: the upload when the dataset is ready, all when it failed or was deleted."""
    with database.read() as db:
        found = db.get(Dataset, dataset)
        status = None if found is None else found.status
    if status == "ready":
        files.path(f"datasets/{dataset}/{UPLOAD}").unlink(missing_ok=True)
    elif status != "importing":
        files.delete_folder(f"datasets/{dataset}")
