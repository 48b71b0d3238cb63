"""Installation of the built-in datasets."""

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from app.constants import DatasetStatus
from app.datasets.builtin import BUILTIN
from app.storage import datasets
from app.storage.database import Database, database_now
from app.storage.files import Files
from app.storage.tables import Dataset


def install_builtin(database: Database, files: Files) -> None:
    """Store the built-in datasets that are missing. Several processes may do so at once."""
    with database.read() as db:
        present = set(db.scalars(select(Dataset.id)))
    for name, builtin in BUILTIN.items():
        if name in present and files.exists(f"{datasets.built_in(name)}/meta.json"):
            continue
        arrays = builtin.load()
        arrays.save(files, datasets.built_in(name))
        bytes = arrays.bytes_in(files, datasets.built_in(name))
        with database.write() as db:
            insert = sqlite.insert if database.is_sqlite else postgresql.insert
            row = {"id": name, "name": name, "status": DatasetStatus.READY, "folder": datasets.built_in(name),
                   "about": arrays.about(), "source": {}, "progress": {}, "skipped": [], "attempt": 0,
                   "bytes": bytes}  # fmt: skip
            db.execute(insert(Dataset).values(created_at=database_now(), **row).on_conflict_do_nothing())
