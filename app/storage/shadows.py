"""Comparisons of a model's answers with those of the run in its shadow."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from numpy.typing import NDArray
from sqlalchemy import ColumnElement, and_, delete, select
from sqlalchemy.orm import Session

from app.access import NO_OWNER
from app.storage.database import Database, database_now
from app.storage.datasets import advisory_lock
from app.storage.ids import new_id
from app.storage.models import VersionKey, key_of
from app.storage.packed_inputs import pack
from app.storage.tables import ModelVersion, ShadowDifference, ShadowTally
from app.storage.visibility import caller_of

MOST_DIFFERENCES = 20  # of a version that are kept: the newest


class Difference(NamedTuple):
    """A raw input on which both runs disagree, and their predictions as JSON; `sender` is its client's owner."""

    sender: str
    content: NDArray[Any]
    live: dict[str, Any]
    shadow: dict[str, Any]


@dataclass
class Tally:
    """Inputs in the shadow's share; those that were compared, on which both agreed, and for which the shadow failed.
    Those that were neither compared nor failed have been dropped. The seconds are of each compared input's batch."""

    mirrored: int = 0
    compared: int = 0
    agreed: int = 0
    failed: int = 0
    live_seconds: float = 0.0
    shadow_seconds: float = 0.0
    differences: list[Difference] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        for name in COUNTED:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.differences = [*self.differences, *other.differences][-MOST_DIFFERENCES:]


COUNTED = ("mirrored", "compared", "agreed", "failed", "live_seconds", "shadow_seconds")


def store_tallies(database: Database, tallies: Iterable[tuple[VersionKey, Tally]]) -> None:
    """Add tallies to those of the database. A version whose model has been deleted meanwhile is left out."""
    total: dict[VersionKey, Tally] = {}
    for key, tally in tallies:
        total.setdefault(key, Tally()).add(tally)
    with database.write() as db:
        for key, tally in total.items():
            _add(db, key, tally)


def _add(db: Session, key: VersionKey, tally: Tally) -> None:
    advisory_lock(db, f"shadow {key}")
    if db.get(ModelVersion, key) is None:
        return
    stored = db.get(ShadowTally, key)
    if stored is None:
        stored = ShadowTally(**key._asdict(), **dict.fromkeys(COUNTED, 0))
        db.add(stored)
    for name in COUNTED:
        setattr(stored, name, getattr(stored, name) + getattr(tally, name))
    now = db.execute(select(database_now())).scalar_one()
    for difference in tally.differences:
        kept = {**difference._asdict(), "content": pack(difference.content), "created_at": now}
        db.add(ShadowDifference(id=new_id("dif"), **key._asdict(), **kept))
    db.flush()
    newest = select(ShadowDifference.id).where(_of(key)).order_by(ShadowDifference.id.desc()).limit(MOST_DIFFERENCES)
    db.execute(delete(ShadowDifference).where(_of(key), ShadowDifference.id.not_in(newest)))


def tally_of(db: Session, version: ModelVersion) -> ShadowTally | None:
    """The tally of a version; None before its first comparison."""
    return db.get(ShadowTally, key_of(version))


def differences(db: Session, version: ModelVersion) -> list[ShadowDifference]:
    """The newest inputs on which both runs disagreed, newest first: those that the caller sees."""
    query, caller = select(ShadowDifference).where(_of(key_of(version))), caller_of(db)
    if not caller.is_admin:
        query = query.where(ShadowDifference.sender.in_((caller.owner, NO_OWNER)))
    return list(db.scalars(query.order_by(ShadowDifference.id.desc())))


def _of(key: VersionKey) -> ColumnElement[bool]:
    of_model = ShadowDifference.owner == key.owner, ShadowDifference.model == key.model
    return and_(*of_model, ShadowDifference.version == key.version)
