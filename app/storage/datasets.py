"""Datasets and their versions: created, found, listed, cancelled and deleted."""

from typing import Any

from sqlalchemy import Select, case, func, select, tuple_, update
from sqlalchemy.orm import Session

from app.constants import DELETED, DatasetStatus
from app.errors import Conflict, NotFound
from app.messages import Message
from app.storage.database import changed_rows, database_now
from app.storage.paging import Page, fetch_page
from app.storage.queue.claims import import_claims
from app.storage.tables import Dataset, Run
from app.suggestions import closest

UPLOADED = "ds_"  # the prefix of an upload's id; no name starts with it
FOLDER = "datasets"  # of the file store: a folder per upload, by its id
CONTENTS = "arrays"  # of the file store: a folder per content, by its checksum
FILE = "file"  # the role of the only file of an upload


def built_in(name: str) -> str:
    """Folder of the arrays of a built-in dataset."""
    return f"{FOLDER}/{name}"


def upload(dataset: str, role: str) -> str:
    """Name of an uploaded file in the file store."""
    return f"{FOLDER}/{dataset}/upload{'' if role == FILE else f'.{role}'}"


def get(db: Session, id_or_name: str) -> Dataset:
    """The dataset with this id, or the newest ready version of this name (the newest of all if none is ready).

    Raises NotFound, listing the names that exist.
    """
    return _or_refused(db, id_or_name, newest(db, id_or_name))


def get_for_share(db: Session, id_or_name: str) -> Dataset:
    """Like `get`, with a share lock: the dataset cannot be deleted before this transaction ends."""
    return _or_refused(db, id_or_name, db.scalars(_named(id_or_name).with_for_update(read=True)).one_or_none())


def newest(db: Session, id_or_name: str) -> Dataset | None:
    """Like `get`, but None if there is no such dataset."""
    return db.scalars(_named(id_or_name)).one_or_none()


def _named(id_or_name: str) -> Select[Dataset]:
    is_ready = case((Dataset.status == DatasetStatus.READY, 1), else_=0)
    return (
        select(Dataset)
        .where((Dataset.id == id_or_name) | (Dataset.name == id_or_name))
        .order_by(is_ready.desc(), Dataset.version.desc())
        .limit(1)
    )


def _or_refused(db: Session, id_or_name: str, dataset: Dataset | None) -> Dataset:
    if dataset is None:
        names = list(db.scalars(select(Dataset.name).group_by(Dataset.name).order_by(Dataset.name).limit(20)))
        raise NotFound("no_such_dataset", dataset=id_or_name, datasets=names, near=closest(id_or_name, names))
    return dataset


def importing(db: Session, id_or_name: str) -> Dataset | None:
    """The newest version that is being imported; None if there is none."""
    query = select(Dataset).where((Dataset.id == id_or_name) | (Dataset.name == id_or_name))
    return db.scalars(
        query.where(Dataset.status == DatasetStatus.IMPORTING).order_by(Dataset.version.desc()).limit(1)
    ).one_or_none()


def versions(db: Session, id_or_name: str) -> list[str]:
    """Ids of all versions of a name, or the one id. Raises NotFound."""
    ids = list(db.scalars(select(Dataset.id).where(Dataset.name == id_or_name)))
    return ids or [get(db, id_or_name).id]


def columns(db: Session, run: str) -> list[tuple[str, list[str] | None]]:
    """Input columns of a run's dataset, each with its categories or None; empty for pictures and unnamed columns."""
    query = select(Dataset.about).join(Run, Run.dataset == Dataset.id).where(Run.id == run)
    about = db.execute(query).scalar_one()  # a dataset outlives its runs
    if "columns" not in about:
        return [(name, None) for name in about["feature_names"]]
    taken = (column for column in about["columns"] if column["type"] != "ignore")
    return [(column["name"], column.get("categories")) for column in taken]


def failure(dataset: Dataset) -> Message | None:
    """Why the import failed or was cancelled; None if it did not, or if an older version stored a sentence only."""
    reason = dataset.about.get("failure")
    return None if reason is None else Message.from_json(reason)


def refuse_built_in(db: Session, name: str) -> None:
    """Raise Conflict for the name of a built-in dataset."""
    if db.get(Dataset, name) is not None:
        raise Conflict("built_in_name", dataset=name)


def create(db: Session, id: str, name: str, source: dict[str, Any]) -> Dataset:
    """Queue the import of an upload, as the next version of its name. Raises Conflict for a built-in name."""
    refuse_built_in(db, name)
    advisory_lock(db, f"name {name}")
    last = select(func.coalesce(func.max(Dataset.version), 0)).where(Dataset.name == name)
    version, created_at = db.execute(select(last.scalar_subquery() + 1, database_now())).one()
    dataset = Dataset(id=id, name=name, version=version, status=DatasetStatus.IMPORTING, source=source, progress={},
                      about={}, skipped=[], attempt=0, deaths=0, created_at=created_at)  # fmt: skip
    db.add(dataset)
    db.flush()
    return dataset


def page(db: Session, limit: int, before: str | None) -> Page[Dataset]:
    """Up to `limit` datasets after the one with the id `before`: uploads newest first, then built-in ones."""
    place = tuple_(case((Dataset.id.startswith(UPLOADED, autoescape=True), 1), else_=0), Dataset.id)
    query = select(Dataset).order_by(*(part.desc() for part in place.clauses))
    if before is not None:
        query = query.where(place < (int(before.startswith(UPLOADED)), before))
    return fetch_page(db, query, limit)


def cancel(db: Session, id: str) -> None:
    """Cancel an import; its worker loses the lease. A dataset whose import has ended is not changed."""
    importing = update(Dataset).where(Dataset.id == id, Dataset.status == DatasetStatus.IMPORTING)
    reason = Message.of("import_cancelled")
    because = {"error": reason.text(), "about": {"failure": reason.to_json()}}
    cancelled = {"status": DatasetStatus.CANCELLED, "progress": {}, **because}
    changed_rows(db, importing.values(**cancelled, **import_claims.RELEASED))


def delete(db: Session, id_or_name: str) -> list[str]:
    """Delete an upload; returns its folders, which the caller deletes before this transaction ends.

    Raises Conflict while a run uses it, and for a built-in dataset.
    """
    dataset = _or_refused(db, id_or_name, db.scalars(_named(id_or_name).with_for_update()).one_or_none())
    if not dataset.id.startswith(UPLOADED):
        raise Conflict("built_in_stays", dataset=dataset.name)
    runs = list(
        db.scalars(select(Run.id).where(Run.dataset == dataset.id, Run.status != DELETED).order_by(Run.id).limit(6))
    )
    if runs:
        raise Conflict("dataset_in_use", runs=runs[:5], more=len(runs) > 5)
    db.delete(dataset)
    db.flush()
    own = f"{FOLDER}/{dataset.id}"
    shared = dataset.folder if dataset.folder not in (None, own) else None
    return [own] if shared is None or not is_unused(db, shared) else [own, shared]


def is_unused(db: Session, folder: str) -> bool:
    """True if no dataset has its arrays in this folder; none will before this transaction ends."""
    advisory_lock(db, folder)
    return db.execute(select(Dataset.id).where(Dataset.folder == folder).limit(1)).first() is None


def advisory_lock(db: Session, key: str) -> None:
    """Take a lock on `key` until this transaction ends (Postgres; a SQLite write transaction is exclusive anyway)."""
    if db.get_bind().dialect.name != "sqlite":
        db.execute(select(func.pg_advisory_xact_lock(func.hashtext(key))))
