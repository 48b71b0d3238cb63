"""The built-in datasets, brought into the storage."""

from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects import postgresql, sqlite

from app.datasets.arrays import Arrays
from app.datasets.builtin import BUILTIN
from app.storage.database import Database, database_now
from app.storage.files import Files
from app.storage.tables import Dataset


def install_builtin(database: Database, files: Files) -> None:
    """Write out the built-in datasets that are not there yet; safe to do in several processes at once."""
    with database.read() as db:
        present = set(db.scalars(select(Dataset.id)))
    for name, builtin in BUILTIN.items():
        if name in present and files.path(f"datasets/{name}/meta.json").exists():
            continue
        arrays = builtin.load()
        for file, data in arrays.files().items():
            files.write(f"datasets/{name}/{file}", data)
        with database.write() as db:
            insert = sqlite.insert if database.is_sqlite else postgresql.insert
            row = {"id": name, "name": name, "status": "ready", "about": about(arrays), "skipped": [], "attempt": 0}
            db.execute(insert(Dataset).values(created_at=database_now(), **row).on_conflict_do_nothing())


def about(arrays: Arrays) -> dict[str, Any]:
    """What there is to know of a dataset without opening it."""
    return {
        "task": arrays.task,
        "examples": len(arrays.targets),
        "shape": list(arrays.shape),
        "classes": [
            {"index": index, "label": label, "count": count}
            for index, (label, count) in enumerate(zip(arrays.classes, arrays.counts(), strict=True))
        ],
        "feature_names": list(arrays.feature_names),
        "checksum": arrays.checksum(),
    }
