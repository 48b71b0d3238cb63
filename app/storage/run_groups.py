"""Groups of runs, which a tag with the group's id marks."""

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.constants import DELETED
from app.storage.tables import Run


def newest(db: Session, tag: str) -> dict[str, str]:
    """The newest group with a run of each name, by these names. Ids of groups grow with time."""
    group = Run.tags[tag].as_string()
    query = select(Run.name, func.max(group)).where(Run.status != DELETED, group.is_not(None)).group_by(Run.name)
    return {name: id for name, id in db.execute(query) if name is not None}
