"""The rows of datasets."""

from sqlalchemy import case, select, tuple_
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from app.errors import Conflict, NotFound
from app.storage.database import database_now
from app.storage.tables import DELETED, Dataset, Run

UPLOADED = "ds_"  # how the id of an upload begins, and no name does


def get(db: Session, id_or_name: str) -> Dataset:
    """Raises NotFound, naming what there is."""
    return _get(db, id_or_name, lock=False)


def hold(db: Session, id_or_name: str) -> Dataset:
    """The same, and it cannot be deleted before this transaction ends: for what will depend on it."""
    return _get(db, id_or_name, lock=True)


def _get(db: Session, id_or_name: str, lock: bool) -> Dataset:
    query = select(Dataset).where((Dataset.id == id_or_name) | (Dataset.name == id_or_name))
    found = db.scalars(query.with_for_update(read=True) if lock else query).one_or_none()
    if found is None:
        there = ", ".join(db.scalars(select(Dataset.name).order_by(Dataset.created_at).limit(20)))
        raise NotFound(f"no dataset is called {id_or_name!r}; there are {there}")
    return found


def columns(db: Session, run: str) -> tuple[str, ...]:
    """The names of the columns that a run learns from: a run's dataset cannot be deleted before it. None for pictures,
    and for a table whose columns have no names."""
    query = select(Dataset.about).join(Run, Run.dataset == Dataset.id).where(Run.id == run)
    return tuple(db.execute(query).scalar_one()["feature_names"])


def refuse_taken(db: Session, name: str) -> None:
    """Raises Conflict when there is a dataset of this name."""
    taken = db.scalars(select(Dataset).where(Dataset.name == name)).one_or_none()
    if taken is not None:
        raise _taken(name, f", {taken.status}")


def create(db: Session, id: str, name: str) -> Dataset:
    """A dataset whose upload waits to be imported. Raises Conflict."""
    refuse_taken(db, name)
    created_at = db.execute(select(database_now())).scalar_one()
    dataset = Dataset(id=id, name=name, status="importing", about={}, skipped=[], attempt=0, deaths=0,
                      created_at=created_at)  # fmt: skip
    db.add(dataset)
    try:
        db.flush()
    except IntegrityError as error:  # another upload of this moment has the name
        raise _taken(name, "") from error
    return dataset


def page(db: Session, limit: int, before: str | None) -> list[Dataset]:
    """Up to `limit` datasets that come after the one with the id `before`: uploads newest first, then built-in ones."""
    place = tuple_(case((Dataset.id.startswith(UPLOADED, autoescape=True), 1), else_=0), Dataset.id)
    query = select(Dataset).order_by(*(part.desc() for part in place.clauses)).limit(limit)
    if before is not None:
        query = query.where(place < (int(before.startswith(UPLOADED)), before))
    return list(db.scalars(query))


def delete(db: Session, id_or_name: str) -> str:
    """Delete an upload and answer its id; raises Conflict while a run needs it, and for what is built in.

    Its files are the caller's to delete.
    """
    query = select(Dataset).where((Dataset.id == id_or_name) | (Dataset.name == id_or_name)).with_for_update()
    dataset = db.scalars(query).one_or_none() or get(db, id_or_name)
    if not dataset.id.startswith(UPLOADED):
        raise Conflict(f"{dataset.name} comes with Antigrad and stays")
    runs = list(
        db.scalars(select(Run.id).where(Run.dataset == dataset.id, Run.status != DELETED).order_by(Run.id).limit(6))
    )
    if runs:
        more = " and more" if len(runs) > 5 else ""
        raise Conflict(f"it is used by {', '.join(runs[:5])}{more}; delete those runs first")
    db.delete(dataset)
    return dataset.id


def _taken(name: str, state: str) -> Conflict:
    advice = f"choose another name, or DELETE /datasets/{name} first"
    return Conflict(f"there is a dataset {name!r} already{state}; {advice}")
