"""The import job of a child process: converts an upload to a dataset."""

import os
import resource
import time
import traceback
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy.orm import Session

from app.datasets import examples
from app.datasets.errors import ImportFailed
from app.datasets.import_options import Imported, ImportOptions, half, limited
from app.datasets.names import printable, printable_json
from app.learning.available_memory import data_bytes
from app.messages import Message
from app.os_errors import reason_of
from app.storage import datasets
from app.storage.database import Database
from app.storage.files import Files
from app.storage.queue.claims import LeaseLost
from app.storage.queue.import_claims import import_claims
from app.storage.tables import Dataset
from worker.import_cleanup import downloads_of
from worker.protocol import Commands
from worker.retry import read_with_retry, use_files_with_retry, write_with_retry

if TYPE_CHECKING:
    from app.datasets.catalogue.published import Published, Remote

MEMORY_BYTES = 1024**3  # in addition to the memory inherited from the warm server; larger data is kept on disk
TELL_SECONDS = 0.5


def main(job: dict[str, Any], database: Database, files: Files, orders_descriptor: int) -> None:
    """Import one dataset, which ends as `ready` or `failed`. The process obeys no orders, but exits with its worker.

    If a frozen worker resumes, two attempts may write the files at once. That is harmless: each file is renamed into
    place as a whole, and equal uploads give equal bytes.
    """
    Commands(orders_descriptor, job["lease_seconds"])
    this = job["id"], job["attempt"]
    try:
        dataset = read_with_retry(database, lambda db: db.get(Dataset, job["id"]))
        if dataset is None:
            return
        bound_memory()
        try:
            imported = _read(dataset, files, Path(job["home"]), Progress(database, *this))
            _keep(imported, database, files, *this)
        except LeaseLost:
            raise
        except Exception as error:
            traceback.print_exc()
            reason = _reason(error)
            write_with_retry(database, lambda db: import_claims.fail(db, *this, reason))
    except LeaseLost:
        return


def bound_memory() -> None:
    """Limit the memory of this process: an upload that needs more causes a MemoryError and does not stall the machine.

    Call it before Arrow is loaded, whose default memory pool reserves a gigabyte.
    """
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    resource.setrlimit(resource.RLIMIT_DATA, (data_bytes() + MEMORY_BYTES, hard))
    os.environ["ARROW_DEFAULT_MEMORY_POOL"] = "system"


class Progress:
    """Progress of an import, written about twice a second. Raises LeaseLost if the lease is lost."""

    def __init__(self, database: Database, dataset: str, attempt: int) -> None:
        self.database, self.dataset, self.attempt = database, dataset, attempt
        self.told = time.monotonic()

    def tell(self, fraction: float, examples: int) -> None:
        """Raises LeaseLost."""
        if time.monotonic() - self.told < TELL_SECONDS:
            return
        progress = {"fraction": round(fraction, 4), "examples": examples}
        write_with_retry(
            self.database, lambda db: import_claims.write(db, self.dataset, self.attempt, progress=progress)
        )
        self.told = time.monotonic()


def _read(dataset: Dataset, files: Files, home: Path, progress: Progress) -> Imported:
    """Read the upload, or download and read a catalogue entry. Raises ImportFailed, LeaseLost and OSError."""
    from app.datasets.catalogue.published import CATALOGUE  # imported late: training does not need it
    from app.datasets.formats.content import read

    source, scratch = dataset.source, files.temporary
    published = CATALOGUE.get(source.get("catalogue") or "")
    if published is not None and not source["roles"]:
        parts, about = _downloaded(published, downloads_of(home, published.name), progress)
        imported = published.read(parts, published.reading, scratch, half(progress.tell, 1))
        return replace(imported, about={**imported.about, "files": about})
    names = {role: datasets.upload(dataset.id, role) for role in source.get("roles", [datasets.FILE])}
    parts = use_files_with_retry(lambda: {role: files.local(name) for role, name in names.items()})
    if published is not None:
        imported = published.read(parts, published.reading, scratch, progress.tell)
        sent = [_known(file, source["sha256"][file.role]) for file in published.files]
        return replace(imported, about={**imported.about, "files": sent})
    return read(parts, ImportOptions.from_json(source.get("reading", {})), scratch, progress.tell)


def _known(file: "Remote", sha256: str) -> dict[str, Any]:
    """The record of an uploaded catalogue file: its checksum, and if that was verified. The API refuses other files."""
    return {"file": file.name, "sha256": sha256, "verified": file.sha256 is not None}


def _downloaded(
    published: "Published", folder: Path, progress: Progress
) -> tuple[dict[str, Path], list[dict[str, Any]]]:
    """Download the files; returns their paths by role, and a record of each. Partial downloads outlive this process."""
    from app.datasets.catalogue.download import download

    folder.mkdir(parents=True, exist_ok=True)
    parts: dict[str, Path] = {}
    about = []
    for number, remote in enumerate(published.files):

        def tell(bytes: int, total: int | None, number: int = number) -> None:
            come = bytes / total if total else 0.0
            half(progress.tell, 0)((number + come) / len(published.files), 0)

        path = folder / remote.name
        downloaded = download(remote, path, by_hand=published.by_hand, progress=tell)
        parts[remote.role] = path
        about.append({"file": remote.name, "sha256": downloaded.sha256, "verified": downloaded.verified})
    return parts, about


def _keep(imported: Imported, database: Database, files: Files, id: str, attempt: int) -> None:
    """Store the arrays in a folder named after their checksum, and name the folder in the row.

    Other imports may store or delete the same content at the same time. So the row is updated under a lock, and only if
    the folder is complete. A folder that no row names at the end is removed. Raises LeaseLost and OSError.
    """
    arrays = imported.arrays
    remarks = [remark.to_json() for remark in limited([*imported.remarks, *examples.remarks(arrays)])]
    about = arrays.about() | dict(imported.about) | ({"warnings": remarks} if remarks else {})
    folder = f"{datasets.CONTENTS}/{about['checksum']}"
    kept, bytes = False, 0

    def name(db: Session) -> None:
        nonlocal kept
        datasets.advisory_lock(db, folder)
        kept = arrays.are_in(files, folder)
        if kept:
            import_claims.succeed(db, id, attempt, folder, about, imported.skipped, bytes)

    def remove_unused(db: Session) -> None:
        if datasets.is_unused(db, folder):
            files.delete_folder(folder)

    try:
        while not kept:
            if not use_files_with_retry(lambda: arrays.are_in(files, folder)):
                use_files_with_retry(lambda: arrays.save(files, folder))
            bytes = use_files_with_retry(lambda: arrays.bytes_in(files, folder))
            write_with_retry(database, name)
    except (LeaseLost, OSError):
        write_with_retry(database, remove_unused)
        raise


def _reason(error: Exception) -> Message:
    """The message for a failed import. Its parameters may quote the upload, so they are made printable."""
    match error:
        case ImportFailed():
            return Message(error.message.code, printable_json(error.message.params))
        case OSError():
            return Message.of("import_files_away", reason=reason_of(error))
        case MemoryError():
            return Message.of("import_out_of_memory", limit=MEMORY_BYTES // 1024**2)
        case _:
            return Message.of("import_broke_down", kind=type(error).__name__, reason=printable(str(error)))
