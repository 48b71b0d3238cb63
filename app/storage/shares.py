"""Shares: links that show a run, or the runs of a group, to anyone who has the link."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.access import Caller, Scope
from app.errors import NotFound
from app.storage.audit import Action, record
from app.storage.database import database_now
from app.storage.ids import new_id
from app.storage.tables import Run, Share
from app.storage.visibility import caller_of, require_own

PAGES = "/ui"  # in front of the path of a resource: its page
EVENTS = "/events"  # the stream of several runs, of which a caller gets those that it sees
READER = frozenset({Scope.READ})
UNEXPIRED = Share.expires_at > database_now()  # a condition


@dataclass(frozen=True)
class Shown:
    """The resource that a link shows: its path, its runs, and the ids of the datasets that they learn from."""

    id: str
    path: str
    owner: str
    runs: tuple[str, ...]
    datasets: tuple[str, ...]

    def shows(self, path: str) -> bool:
        """True if the path is the resource's or below it, or one of its runs' or below that; or that of its page, or of
        the stream from which pages learn what is new."""
        path = path.removeprefix(PAGES)
        return path == EVENTS or any(
            f"{path}/".startswith(f"{shown}/") for shown in (self.path, *(f"/runs/{id}" for id in self.runs))
        )

    @property
    def caller(self) -> Caller:
        """The caller of a request through the link."""
        return Caller(self.owner, READER, only=frozenset((*self.runs, *self.datasets)), share=self.id)


def create(db: Session, path: str, runs: Sequence[Run], days: int) -> Share:
    """Share the runs of a resource for some days. Raises Forbidden unless the caller may change all of them."""
    for run in runs:
        require_own(db, run)
    now = db.execute(select(database_now())).scalar_one()
    share = Share(
        id=new_id("shr"),
        owner=caller_of(db).owner,
        path=path,
        runs=[run.id for run in runs],
        created_at=now,
        expires_at=now + days * 86_400,
    )
    db.add(share)
    db.flush()
    record(db, Action.SHARE_CREATE, share.id)
    return share


def unexpired(db: Session) -> list[Share]:
    """The shares that the caller sees and that have not expired, newest first."""
    return list(db.scalars(select(Share).where(UNEXPIRED).order_by(Share.id.desc())))


def valid(db: Session) -> list[str]:
    """The ids of all shares that have not expired."""
    return list(db.scalars(select(Share.id).where(UNEXPIRED)))


def find(db: Session, id: str) -> Shown | None:
    """The resource that a link shows; None if the share has expired or was deleted."""
    share = db.scalars(select(Share).where(Share.id == id, UNEXPIRED)).one_or_none()
    if share is None:
        return None
    datasets = db.scalars(select(Run.dataset).where(Run.id.in_(share.runs)).distinct())
    return Shown(share.id, share.path, share.owner, tuple(share.runs), tuple(datasets))


def delete(db: Session, id: str) -> None:
    """Delete a share, whose link then shows nothing. Raises NotFound, and Forbidden for a common one."""
    share = db.get(Share, id)
    if share is None:
        raise NotFound("no_such_share", share=id)
    require_own(db, share)
    record(db, Action.SHARE_DELETE, id)
    db.delete(share)
