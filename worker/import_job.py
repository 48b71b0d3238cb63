"""What runs in the child process that makes a dataset of an upload."""

import os
import resource
import time
import traceback
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from app.datasets.errors import ImportFailed
from app.datasets.import_options import Imported, ImportOptions, half
from app.datasets.names import printable
from app.learning.available_memory import data_bytes
from app.storage import datasets
from app.storage.database import Database
from app.storage.files import Files
from app.storage.queue import imports
from app.storage.queue.leases import LeaseLost
from app.storage.tables import Dataset
from worker.import_cleanup import downloads_of
from worker.patience import use_patiently, write_patiently
from worker.protocol import Orders

if TYPE_CHECKING:
    from app.datasets.catalogue.published import Published, Remote

MEMORY_BYTES = 1024**3  # beside what the process has from the warm server; what is larger lies on disk
TELL_SECONDS = 0.5


def main(job: dict[str, Any], database: Database, files: Files, orders_descriptor: int) -> None:
    """Import one dataset, to `ready` or `failed`. It takes no orders but leaves with its worker.

    Two attempts may write the files at once, if a frozen worker comes back: each is renamed into its place whole, and
    the same upload makes the same bytes.
    """
    Orders(orders_descriptor, job["lease_seconds"])
    this = job["id"], job["attempt"]
    try:
        with database.read() as db:
            found = db.get(Dataset, job["id"])
        if found is None:
            return
        bound_memory()
        try:
            imported = _read(found, files, Path(job["home"]), Progress(database, *this))
            _keep(imported, database, files, *this)
        except LeaseLost:
            raise
        except Exception as error:
            traceback.print_exc()
            reason = _sentence(error)
            write_patiently(database, lambda db: imports.fail(db, *this, reason))
    except LeaseLost:
        return


def bound_memory() -> None:
    """Whatever an upload makes its reader ask for: over the bound it gets a MemoryError, and the machine lives on.

    It comes before Arrow is loaded, which by itself would begin by asking for a gigabyte.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (data_bytes() + MEMORY_BYTES, hard))
    os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"


class Progress:
    """How far an import has come, written about twice a second: who has lost the lease hears of it here."""

    def __init__(self, database: Database, dataset: str, attempt: int) -> None:
        self.database, self.dataset, self.attempt = database, dataset, attempt
        self.told = time.monotonic()

    def tell(self, fraction: float, examples: int) -> None:
        """Raises LeaseLost."""
        if time.monotonic() - self.told < TELL_SECONDS:
            return
        progress = {"fraction": round(fraction, 4), "examples": examples}
        write_patiently(self.database, lambda db: imports.write(db, self.dataset, self.attempt, progress=progress))
        self.told = time.monotonic()


def _read(found: Dataset, files: Files, home: Path, progress: Progress) -> Imported:
    """What was sent, or what the catalogue says where to find."""
    from app.datasets.catalogue.published import CATALOGUE  # here: a worker that only trains has no need of it
    from app.datasets.formats.content import read

    source, scratch = found.source, files.temporary
    published = CATALOGUE.get(source.get("catalogue") or "")
    if published is not None and not source["roles"]:
        parts, about = _downloaded(published, downloads_of(home, published.name), progress)
        imported = published.read(parts, published.reading, scratch, half(progress.tell, 1))
        return replace(imported, about={**imported.about, "files": about})
    names = {role: datasets.upload(found.id, role) for role in source.get("roles", [datasets.FILE])}
    parts = use_patiently(lambda: {role: files.local(name) for role, name in names.items()})
    if published is not None:
        imported = published.read(parts, published.reading, scratch, progress.tell)
        sent = [_known(file, source["sha256"][file.role]) for file in published.files]
        return replace(imported, about={**imported.about, "files": sent})
    return read(parts, ImportOptions.from_json(source.get("reading", {})), scratch, progress.tell)


def _known(file: "Remote", sha256: str) -> dict[str, Any]:
    """What is said of a file that was sent: other bytes than those that are known have not been accepted."""
    return {"file": file.name, "sha256": sha256, "verified": file.sha256 is not None}


def _downloaded(
    published: "Published", folder: Path, progress: Progress
) -> tuple[dict[str, Path], list[dict[str, Any]]]:
    """The files by their roles, and what is known of each. What has come outlives this process."""
    from app.datasets.catalogue.download import download

    folder.mkdir(parents=True, exist_ok=True)
    parts: dict[str, Path] = {}
    about = []
    for number, remote in enumerate(published.files):

        def tell(bytes: int, total: int | None, number: int = number) -> None:
            come = bytes / total if total else 0.0
            half(progress.tell, 0)((number + come) / len(published.files), 0)

        path = folder / remote.name
        found = download(remote, path, advice=published.by_hand, progress=tell)
        parts[remote.role] = path
        about.append({"file": remote.name, "sha256": found.sha256, "verified": found.verified})
    return parts, about


def _keep(imported: Imported, database: Database, files: Files, id: str, attempt: int) -> None:
    """Store the arrays where their content belongs, once, and name the place in the row.

    Others may store or delete the same content at this moment: it is named only where, with nobody else at it, all of
    it is there. What nobody has named in the end is removed. Raises LeaseLost and OSError.
    """
    arrays = imported.arrays
    about = arrays.about() | dict(imported.about)
    folder = f"{datasets.CONTENTS}/{about['checksum']}"
    kept = False

    def name(db: Session) -> None:
        nonlocal kept
        datasets.advisory_lock(db, folder)
        kept = arrays.are_in(files, folder)
        if kept:
            imports.ready(db, id, attempt, folder, about, imported.skipped)

    def remove_unused(db: Session) -> None:
        if datasets.is_unused(db, folder):
            files.delete_folder(folder)

    try:
        while not kept:
            if not use_patiently(lambda: arrays.are_in(files, folder)):
                use_patiently(lambda: arrays.save(files, folder))
            write_patiently(database, name)
    except (LeaseLost, OSError):
        write_patiently(database, remove_unused)
        raise


def _sentence(error: Exception) -> str:
    match error:
        case ImportFailed():
            return printable(str(error))  # it may quote what was sent
        case OSError():
            advice = "see to the disk or the object store, then send it again"
            return f"its files cannot be written or read: {error.strerror}; {advice}"
        case MemoryError():
            return f"it takes over {MEMORY_BYTES // 1024**2:,} MB of memory to read; send less of it, or another format"
        case _:
            return printable(f"the import broke down: {type(error).__name__}: {error}")
