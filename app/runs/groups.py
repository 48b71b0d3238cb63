"""Run groups: runs that are submitted together and share an id, such as a race or an experiment.

A reserved tag with the group's id marks the members; a second tag may give the role of each.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sqlalchemy.orm import Session

from app.errors import Invalid
from app.runs.requests import RunRequest
from app.runs.submission import NewRun, create_together
from app.runs.views import RunView, views
from app.storage import idempotency, runs
from app.storage.database import Database, database_now
from app.storage.files import Files
from app.storage.ids import new_id
from app.storage.tables import Run


@dataclass(frozen=True)
class GroupKind:
    """A kind of group: the tag that holds a group's id, the prefix of such ids, and the most members of a group."""

    tag: str
    id_prefix: str
    limit: int


@dataclass(frozen=True)
class SubmittedGroup:
    """A submitted group; `is_new` is False if its Idempotency-Key had created it before."""

    id: str
    members: list[RunView]
    is_new: bool


def submit_group(
    database: Database, files: Files, kind: GroupKind, new: Sequence[NewRun], key: str | None, digest: str
) -> SubmittedGroup:
    """Queue all runs of a group, or none, unless this Idempotency-Key has created the group already.

    Raises what `submit` raises.
    """

    def find() -> SubmittedGroup | None:
        if key is None:
            return None
        with database.read() as db:
            id = _created_by(db, kind, key, digest)
            return None if id is None else SubmittedGroup(id, views(db, members(db, kind, id)), is_new=False)

    def create() -> SubmittedGroup:
        id = new_id(kind.id_prefix)
        tagged = [replace(run, request=_with_tags(run, {kind.tag: id})) for run in new]
        return SubmittedGroup(id, create_together(database, files, tagged, key, digest), is_new=True)

    return idempotency.once(find, create)


def members(db: Session, kind: GroupKind, id: str) -> list[Run]:
    """The runs of a group, oldest first, without deleted ones."""
    return runs.newest(db, runs.matching(database_now(), tags=[f"{kind.tag}:{id}"]), kind.limit)[::-1]


def _with_tags(run: NewRun, tags: dict[str, str]) -> RunRequest:
    return run.request.model_copy(update={"tags": run.request.tags | tags})


def _created_by(db: Session, kind: GroupKind, key: str, digest: str) -> str | None:
    """The id of the group that this key created, or None. Raises Invalid if it created something else."""
    first = idempotency.run_made_by(db, key, digest)
    if first is None:
        return None
    if kind.tag not in first.tags:
        raise Invalid("idempotency_key_of_other_kind", "Idempotency-Key", kind="run")
    return str(first.tags[kind.tag])
