"""One picture with the curves of several runs, for the routes of run groups."""

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Query, Response

from app.api.deps import Axis
from app.plots.curves import MEDIA_TYPES, Along, Format, axis_of, draw_together
from app.runs.request_model import pattern
from app.storage import pyramid
from app.storage.database import Database
from app.storage.tables import Run

POINTS = 2000  # per curve: a picture shows no more
OneSeries: Any = Annotated[
    pattern(r"(train|validation)\.[a-z_]+", "series_malformed"),
    Query(description="the series to draw; train.loss is drawn for each step, with a running mean"),
]
OneAxis = Annotated[Axis, Query(description="the x-axis; `seconds` counts the training time of each run")]


def group_picture(database: Database, runs: Mapping[str, Run], series: str, axis: Along, format: Format) -> Response:
    """One series of each run, labelled by the mapping's keys. Raises Conflict if there is nothing to draw yet."""
    lines = {
        label: (pyramid.thinned(database, run.id, series, POINTS), axis_of(run.progress, axis))
        for label, run in runs.items()
    }
    return Response(draw_together(lines, series, format), media_type=MEDIA_TYPES[format])
