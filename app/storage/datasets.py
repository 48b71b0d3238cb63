"""The rows of datasets."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.errors import NotFound
from app.storage.tables import Dataset


def get(db: Session, id_or_name: str) -> Dataset:
    """Raises NotFound, naming what there is."""
    found = db.scalars(select(Dataset).where((Dataset.id == id_or_name) | (Dataset.name == id_or_name))).one_or_none()
    if found is None:
        there = ", ".join(db.scalars(select(Dataset.name).order_by(Dataset.created_at).limit(20)))
        raise NotFound(f"no dataset is called {id_or_name!r}; there are {there}")
    return found


def page(db: Session, limit: int, before: str | None) -> list[Dataset]:
    """Up to `limit` datasets whose id comes before `before`, in falling order of ids: uploads newest first."""
    query = select(Dataset).order_by(Dataset.id.desc()).limit(limit)
    return list(db.scalars(query if before is None else query.where(Dataset.id < before)))
