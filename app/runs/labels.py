"""The names and tags of runs, which people may change at any time."""

from typing import Any

from pydantic import Field
from sqlalchemy import ColumnElement

from app.errors import Invalid
from app.runs.request_model import TEXT_SCHEMA, RequestModel, Text
from app.runs.requests import MOST_TAGS, tags_of
from app.runs.views import RunView, view
from app.storage import runs
from app.storage.database import Database
from app.storage.run_order import NEWEST_FIRST
from app.storage.tables import Run

TagChanges: Any = tags_of(Text | None, {"anyOf": [TEXT_SCHEMA, {"type": "null"}]})


class LabelsRequest(RequestModel):
    """The changes; a field that is left out stays as it is."""

    name: Text | None = Field(None, description="the new name; null for none", examples=["letters, wider"])
    tags: TagChanges = Field(
        default={}, description="the tags to set; null removes one", examples=[{"course": "ml", "draft": None}]
    )


class TagsRequest(RequestModel):
    """Changes of the tags of many runs."""

    tags: TagChanges = Field(
        description="the tags to set; null removes one", examples=[{"course": "ml", "draft": None}]
    )


def retag(database: Database, where: ColumnElement[bool], changes: TagsRequest) -> int:
    """Change the tags of the caller's own runs that match; returns their number. Each page of runs has a transaction
    of its own. Raises Invalid if a run would have too many tags.
    """
    changed = 0
    for page in runs.pages(database, where, NEWEST_FIRST):
        with database.write() as db:
            for run in runs.lock_own(db, [run.id for run in page]):
                runs.relabel(db, run, run.name, _tagged(run, changes.tags))
                changed += 1
    return changed


def _tagged(run: Run, changes: dict[str, str | None]) -> dict[str, str]:
    tags = {key: value for key, value in (run.tags | changes).items() if value is not None}
    if len(tags) > MOST_TAGS:
        raise Invalid("too_many_tags", "/tags", count=len(tags), limit=MOST_TAGS)
    return tags


def relabel(database: Database, id: str, changes: LabelsRequest) -> RunView:
    """Change a run's name and tags. Raises NotFound, Forbidden, and Invalid if it would have too many tags."""
    with database.write() as db:
        run = runs.get_own(db, id)
        name = changes.name if "name" in changes.model_fields_set else run.name
        runs.relabel(db, run, name, _tagged(run, changes.tags))
        return view(db, run)
