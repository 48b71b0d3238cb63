"""Races: groups of runs that differ in the optimizer."""

from sqlalchemy.orm import Session

from app.constants import RESERVED_TAGS
from app.errors import NotFound
from app.runs.groups import GroupKind, members
from app.storage.tables import Run

MOST_OPTIMIZERS = 8
RACE = GroupKind(f"{RESERVED_TAGS}race", "race", MOST_OPTIMIZERS)
LANE = f"{RESERVED_TAGS}lane"  # the tag with the number of the optimizer, counted from 1


def runs_of_race(db: Session, id: str) -> list[Run]:
    """The race's runs in the order of the optimizers, without deleted ones. Raises NotFound."""
    lanes = members(db, RACE, id)
    if not lanes:
        raise NotFound("no_such_race", race=id)
    return sorted(lanes, key=lambda run: int(run.tags[LANE]))
