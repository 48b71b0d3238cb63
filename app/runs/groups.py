"""Runs that are queued together: a tag ties them, and one picture has the curves of all."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Query, Response
from sqlalchemy.orm import Session

from app.errors import Invalid
from app.plots.curves import MEDIA_TYPES, Along, Format, axis_of, draw_together
from app.runs.patterns import pattern
from app.storage import curves, idempotency, runs
from app.storage.database import Database, database_now
from app.storage.tables import Run

POINTS = 2000  # of each curve, as many as a picture shows
OneSeries: Any = Annotated[
    pattern(r"(train|validation)\.[a-z_]+", "give a part's metric, such as train.loss or validation.accuracy"),
    Query(description="train.loss: of each step, with a running mean"),
]

OneAxis = Annotated[Along, Query(description="what the curves go along; seconds are those of each run's training")]


def runs_of_group(db: Session, tag: str, id: str, most: int) -> list[Run]:
    """The runs that this id ties, but the deleted ones; the oldest first."""
    return runs.page(db, runs.matching(database_now(), tag=f"{tag}:{id}"), most, None)[::-1]


def id_made_by(db: Session, key: str | None, digest: str, tag: str) -> str | None:
    """The id that ties what an Idempotency-Key has made; None when it has made nothing yet. Raises Invalid."""
    first = None if key is None else idempotency.run_made_by(db, key, digest)
    if first is None:
        return None
    if tag not in first.tags:
        raise Invalid("this Idempotency-Key was used for a run; send a new key for a new request")
    return str(first.tags[tag])


def curves_of(database: Database, wanted: Mapping[str, Run], series: str, axis: Along, format: Format) -> Response:
    """One series of each run in one picture; the runs by what to call them. Raises Conflict."""
    drawn = {
        name: (curves.thinned(database, run.id, series, POINTS), axis_of(run.progress, axis))
        for name, run in wanted.items()
    }
    return Response(draw_together(drawn, series, format), media_type=MEDIA_TYPES[format])
