"""The rows of datasets."""

from typing import Any

from sqlalchemy import Select, case, func, select, tuple_
from sqlalchemy.orm import Session

from app.errors import Conflict, NotFound
from app.storage.database import database_now
from app.storage.tables import DELETED, Dataset, Run

UPLOADED = "ds_"  # how the id of an upload begins, and no name does
FOLDER = "datasets"  # of the files, where each upload has a folder by its id
CONTENTS = "arrays"  # and where arrays lie by their checksum
FILE = "file"  # the role of an upload's file that is its only one


def built_in(name: str) -> str:
    """The folder of the arrays of a dataset that comes with Antigrad."""
    return f"{FOLDER}/{name}"


def upload(dataset: str, role: str) -> str:
    """The name of an upload's file."""
    return f"{FOLDER}/{dataset}/upload{'' if role == FILE else f'.{role}'}"


def get(db: Session, id_or_name: str) -> Dataset:
    """A name means its newest version that is ready, or else its newest. Raises NotFound, naming what there is."""
    return _or_refused(db, id_or_name, newest(db, id_or_name))


def get_for_share(db: Session, id_or_name: str) -> Dataset:
    """The same, and it cannot be deleted before this transaction ends: for what will depend on it."""
    return _or_refused(db, id_or_name, db.scalars(_named(id_or_name).with_for_update(read=True)).one_or_none())


def newest(db: Session, id_or_name: str) -> Dataset | None:
    """The same, or None."""
    return db.scalars(_named(id_or_name)).one_or_none()


def _named(id_or_name: str) -> Select[Dataset]:
    is_ready = case((Dataset.status == "ready", 1), else_=0)
    return (
        select(Dataset)
        .where((Dataset.id == id_or_name) | (Dataset.name == id_or_name))
        .order_by(is_ready.desc(), Dataset.version.desc())
        .limit(1)
    )


def _or_refused(db: Session, id_or_name: str, found: Dataset | None) -> Dataset:
    if found is None:
        there = ", ".join(db.scalars(select(Dataset.name).group_by(Dataset.name).order_by(Dataset.name).limit(20)))
        raise NotFound(f"no dataset is called {id_or_name!r}; there are {there}")
    return found


def importing(db: Session, id_or_name: str) -> Dataset | None:
    """The newest version that is being imported."""
    query = select(Dataset).where((Dataset.id == id_or_name) | (Dataset.name == id_or_name))
    return db.scalars(
        query.where(Dataset.status == "importing").order_by(Dataset.version.desc()).limit(1)
    ).one_or_none()


def versions(db: Session, id_or_name: str) -> list[str]:
    """The ids of all versions of a name, or the one id. Raises NotFound."""
    found = list(db.scalars(select(Dataset.id).where(Dataset.name == id_or_name)))
    return found or [get(db, id_or_name).id]


def columns(db: Session, run: str) -> list[tuple[str, list[str] | None]]:
    """The columns that a run learns from, each with its categories if it has some: a run's dataset cannot be deleted
    before it. None for pictures, and for a table whose columns have no names."""
    query = select(Dataset.about).join(Run, Run.dataset == Dataset.id).where(Run.id == run)
    about = db.execute(query).scalar_one()
    if "columns" not in about:
        return [(name, None) for name in about["feature_names"]]
    taken = (column for column in about["columns"] if column["type"] != "ignore")
    return [(column["name"], column.get("categories")) for column in taken]


def refuse_built_in(db: Session, name: str) -> None:
    """Raises Conflict for the name of a dataset that comes with Antigrad."""
    if db.get(Dataset, name) is not None:
        raise Conflict(f"{name!r} comes with Antigrad and has no versions; choose another name")


def create(db: Session, id: str, name: str, source: dict[str, Any]) -> Dataset:
    """A dataset whose upload waits to be imported: under a name that is there already, its next version.

    Raises Conflict.
    """
    refuse_built_in(db, name)
    advisory_lock(db, f"name {name}")
    before = select(func.coalesce(func.max(Dataset.version), 0)).where(Dataset.name == name)
    version, created_at = db.execute(select(before.scalar_subquery() + 1, database_now())).one()
    dataset = Dataset(id=id, name=name, version=version, status="importing", source=source, progress={}, about={},
                      skipped=[], attempt=0, deaths=0, created_at=created_at)  # fmt: skip
    db.add(dataset)
    db.flush()
    return dataset


def page(db: Session, limit: int, before: str | None) -> list[Dataset]:
    """Up to `limit` datasets that come after the one with the id `before`: uploads newest first, then built-in ones."""
    place = tuple_(case((Dataset.id.startswith(UPLOADED, autoescape=True), 1), else_=0), Dataset.id)
    query = select(Dataset).order_by(*(part.desc() for part in place.clauses)).limit(limit)
    if before is not None:
        query = query.where(place < (int(before.startswith(UPLOADED)), before))
    return list(db.scalars(query))


def delete(db: Session, id_or_name: str) -> list[str]:
    """Delete an upload and answer its folders, which are the caller's to delete before this transaction ends.

    Raises Conflict while a run needs it, and for what is built in.
    """
    dataset = _or_refused(db, id_or_name, db.scalars(_named(id_or_name).with_for_update()).one_or_none())
    if not dataset.id.startswith(UPLOADED):
        raise Conflict(f"{dataset.name} comes with Antigrad and stays")
    runs = list(
        db.scalars(select(Run.id).where(Run.dataset == dataset.id, Run.status != DELETED).order_by(Run.id).limit(6))
    )
    if runs:
        more = " and more" if len(runs) > 5 else ""
        raise Conflict(f"it is used by {', '.join(runs[:5])}{more}; delete those runs first")
    db.delete(dataset)
    db.flush()
    own = f"{FOLDER}/{dataset.id}"
    shared = dataset.folder if dataset.folder not in (None, own) else None
    return [own] if shared is None or not is_unused(db, shared) else [own, shared]


def is_unused(db: Session, folder: str) -> bool:
    """Whether no dataset has its arrays in this folder. Until this transaction ends, none begins to."""
    advisory_lock(db, folder)
    return db.execute(select(Dataset.id).where(Dataset.folder == folder).limit(1)).first() is None


def advisory_lock(db: Session, what: str) -> None:
    """Wait for whoever is at this folder or name, and keep others from it until this transaction ends."""
    if db.get_bind().dialect.name != "sqlite":  # there a transaction that writes is alone
        db.execute(select(func.pg_advisory_xact_lock(func.hashtext(what))))
