"""Datasets and their versions: created, found, listed, cancelled and deleted.

Each owner has its own names. A name means the caller's dataset, or else a common one, such as a built-in one.
"""

from typing import Any

from sqlalchemy import ColumnElement, Select, case, func, select, tuple_, update
from sqlalchemy.orm import Session

from app.access import NO_OWNER
from app.constants import DELETED, DatasetStatus
from app.errors import Conflict, NotFound
from app.messages import Message
from app.storage.audit import Action, record
from app.storage.database import changed_rows, database_now
from app.storage.paging import Page, checked_cursor, fetch_page
from app.storage.queue.import_claims import import_claims
from app.storage.signatures import Signature, description
from app.storage.tables import Dataset, Run
from app.storage.visibility import EVERYONES, caller_of, require_own
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
    return _or_refused(db, id_or_name, db.scalars(_named(db, id_or_name).with_for_update(read=True)).one_or_none())


def newest(db: Session, id_or_name: str) -> Dataset | None:
    """Like `get`, but None if there is no such dataset."""
    return db.scalars(_named(db, id_or_name)).one_or_none()


def _named(db: Session, id_or_name: str) -> Select[Dataset]:
    is_own = case((Dataset.owner == caller_of(db).owner, 1), else_=0)
    is_ready = case((Dataset.status == DatasetStatus.READY, 1), else_=0)
    return (
        select(Dataset)
        .where(_is_meant(db, id_or_name))
        .order_by(is_own.desc(), is_ready.desc(), Dataset.version.desc())
        .limit(1)
    )


def _is_meant(db: Session, id_or_name: str) -> ColumnElement[bool]:
    """Condition: the dataset has this id, or the caller means it by this name."""
    return (Dataset.id == id_or_name) | ((Dataset.name == id_or_name) & _has_name(db))


def _has_name(db: Session) -> ColumnElement[bool]:
    """Condition: the caller means the dataset by its name. An admin means others' datasets by their ids."""
    return Dataset.owner.in_((caller_of(db).owner, NO_OWNER))


def _or_refused(db: Session, id_or_name: str, dataset: Dataset | None) -> Dataset:
    if dataset is None:
        named = select(Dataset.name).where(_has_name(db)).group_by(Dataset.name).order_by(Dataset.name)
        names = list(db.scalars(named.limit(20)))
        raise NotFound("no_such_dataset", dataset=id_or_name, datasets=names, near=closest(id_or_name, names))
    return dataset


def importing(db: Session, id_or_name: str) -> Dataset | None:
    """The newest version that is being imported; None if there is none."""
    return db.scalars(_named(db, id_or_name).where(Dataset.status == DatasetStatus.IMPORTING)).one_or_none()


def of_catalogue(db: Session, name: str) -> Dataset | None:
    """The common version of a catalogue entry that is being imported, or is ready; None if there is none."""
    query = select(Dataset).where(Dataset.name == name, Dataset.owner == NO_OWNER)
    found = query.where(Dataset.status.in_((DatasetStatus.IMPORTING, DatasetStatus.READY)))
    # In the alphabet, `importing` comes before `ready`.
    dataset = db.scalars(found.order_by(Dataset.status, Dataset.version.desc()).limit(1)).one_or_none()
    return dataset if dataset is not None and dataset.source.get("catalogue") == name else None


def versions(db: Session, id_or_name: str) -> list[str]:
    """Ids of all versions of a name that the caller sees, or the one id. Raises NotFound."""
    ids = list(db.scalars(select(Dataset.id).where(Dataset.name == id_or_name)))
    return ids or [get(db, id_or_name).id]


def columns(db: Session, run: str) -> tuple[list[dict[str, Any]], list[str]]:
    """Input columns of a run's dataset as `about` describes them; empty for pictures and unnamed columns. And the names
    of its other columns: the target, and those that the import left out."""
    about = description(db, run)
    if "columns" not in about:
        return [{"name": name} for name in about["feature_names"]], []
    taken = [column for column in about["columns"] if column["type"] != "ignore"]
    left_out = [column["name"] for column in about["columns"] if column["type"] == "ignore"]
    return taken, [about.get("target"), *left_out, *about.get("unread_columns", ())]


def feature_names(db: Session, run: str) -> list[str]:
    """Names of the numbers in an input of a run; none for pictures."""
    return Signature.of(description(db, run)).features


def failure(dataset: Dataset) -> Message | None:
    """Why the import failed or was cancelled; None if it did not, or if an older version stored a sentence only."""
    reason = dataset.about.get("failure")
    return None if reason is None else Message.from_json(reason)


def refuse_built_in(db: Session, name: str) -> None:
    """Raise Conflict for the name of a built-in dataset."""
    if db.get(Dataset, name) is not None:
        raise Conflict("built_in_name", dataset=name)


def create(
    db: Session, id: str, name: str, source: dict[str, Any], owner: str | None = None, bytes: int = 0
) -> Dataset:
    """Queue the import of an upload of so many `bytes`, as the next version of its owner's name; by default the caller
    owns it.

    Raises Conflict for a built-in name.
    """
    owner = caller_of(db).owner if owner is None else owner
    refuse_built_in(db, name)
    advisory_lock(db, f"name {owner} {name}")
    last = select(func.coalesce(func.max(Dataset.version), 0)).where(Dataset.name == name, Dataset.owner == owner)
    version, created_at = db.execute(select(last.scalar_subquery() + 1, database_now())).one()
    dataset = Dataset(id=id, owner=owner, name=name, version=version, status=DatasetStatus.IMPORTING, source=source,
                      progress={}, about={}, skipped=[], attempt=0, deaths=0, bytes=bytes,
                      created_at=created_at)  # fmt: skip
    db.add(dataset)
    db.flush()
    record(db, Action.DATASET_CREATE, id)
    return dataset


def page(db: Session, limit: int, before: str | None, owner: str | None = None) -> Page[Dataset]:
    """Up to `limit` datasets after the one with the id `before`: uploads newest first, then built-in ones.

    Raises Invalid for a cursor of another list.
    """
    place = tuple_(case((Dataset.id.startswith(UPLOADED, autoescape=True), 1), else_=0), Dataset.id)
    query = select(Dataset).order_by(*(part.desc() for part in place.clauses))
    if owner is not None:
        query = query.where(Dataset.owner == owner)
    if before and db.get(Dataset, before) is None:  # it is none of those that stay
        before = checked_cursor(before, "ds")
    if before:
        query = query.where(place < (int(before.startswith(UPLOADED)), before))
    return fetch_page(db, query, limit)


def ready(db: Session, limit: int) -> list[Dataset]:
    """Up to `limit` datasets that can be trained on, newest first."""
    query = select(Dataset).where(Dataset.status == DatasetStatus.READY)
    return list(db.scalars(query.order_by(Dataset.created_at.desc(), Dataset.id).limit(limit)))


def cancel(db: Session, id: str) -> None:
    """Cancel an import; its worker loses the lease. A dataset whose import has ended is not changed.

    Raises NotFound, and Forbidden for another owner's dataset.
    """
    require_own(db, get(db, id))
    importing = update(Dataset).where(Dataset.id == id, Dataset.status == DatasetStatus.IMPORTING)
    reason = Message.of("import_cancelled")
    because = {"error": reason.text(), "about": {"failure": reason.to_json()}}
    if changed_rows(db, importing.values(status=DatasetStatus.CANCELLED, **because, **import_claims.ENDED)):
        record(db, Action.DATASET_CANCEL, id)


def delete(db: Session, id_or_name: str) -> list[str]:
    """Delete an upload; returns its folders, which the caller deletes before this transaction ends.

    Raises NotFound, Forbidden, and Conflict while a run uses it and for a built-in dataset.
    """
    dataset = _or_refused(db, id_or_name, db.scalars(_named(db, id_or_name).with_for_update()).one_or_none())
    if not dataset.id.startswith(UPLOADED):
        raise Conflict("built_in_stays", dataset=dataset.name)
    require_own(db, dataset)
    using = select(Run.id).where(Run.dataset == dataset.id, Run.status != DELETED).order_by(Run.id).limit(6)
    runs = list(db.scalars(using, execution_options=EVERYONES))
    if runs:
        raise Conflict("dataset_in_use", runs=runs[:5], more=len(runs) > 5)
    db.delete(dataset)
    db.flush()
    record(db, Action.DATASET_DELETE, dataset.id)
    own = f"{FOLDER}/{dataset.id}"
    shared = dataset.folder if dataset.folder not in (None, own) else None
    return [own] if shared is None or not is_unused(db, shared) else [own, shared]


def is_unused(db: Session, folder: str) -> bool:
    """True if no dataset has its arrays in this folder; none will before this transaction ends."""
    advisory_lock(db, folder)
    using = select(Dataset.id).where(Dataset.folder == folder).limit(1)
    return db.execute(using, execution_options=EVERYONES).first() is None


def advisory_lock(db: Session, key: str) -> None:
    """Take a lock on `key` until this transaction ends (Postgres; a SQLite write transaction is exclusive anyway)."""
    if db.get_bind().dialect.name != "sqlite":
        db.execute(select(func.pg_advisory_xact_lock(func.hashtext(key))))
