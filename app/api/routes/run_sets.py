"""Any set of runs as a table, and as curves in one picture."""

from collections import Counter
from collections.abc import Sequence
from typing import Annotated

from fastapi import Query, Response
from fastapi.responses import StreamingResponse
from sqlalchemy import select

from app.api.deps import SLOW, DatabaseDep, FormatDep, PlacesDep
from app.api.group_curves import OneAxis, OneSeries, group_picture
from app.api.problems import binary, problems
from app.api.router import Router
from app.api.run_filter import FilterDep, OrderDep
from app.api.run_table import table
from app.api.scopes import READ
from app.errors import Conflict, Invalid, NotFound
from app.storage import runs
from app.storage.database import database_now
from app.storage.tables import Run

router = Router(tags=["runs"], responses=problems(Invalid))

LONGEST = 40  # characters of a label


@router.get("/runs.csv", summary="Get a table of runs as CSV", response_class=StreamingResponse,
            responses=binary("text/csv"), dependencies=[READ, SLOW])  # fmt: skip
def get_run_table(database: DatabaseDep, places: PlacesDep, where: FilterDep, order: OrderDep) -> StreamingResponse:
    """A line for each run that matches all given filters, with its times, main hyperparameters, metrics, size and tags.

    A name that a spreadsheet would take for a formula begins with an apostrophe."""
    with database.read() as db:
        now = db.execute(select(database_now())).scalar_one()
    pieces = places.pieces(table(runs.pages(database, where, order), now))
    return StreamingResponse(pieces, media_type="text/csv")


@router.get("/runs/curve.{format}", summary="Draw the curves of several runs", response_class=Response,
            responses=binary("image/png", "image/svg+xml") | problems(NotFound, Conflict),
            dependencies=[READ, SLOW])  # fmt: skip
def draw_runs(
    database: DatabaseDep,
    where: FilterDep,
    order: OrderDep,
    format: FormatDep,
    series: OneSeries = "train.loss",
    axis: OneAxis = "step",
    limit: Annotated[int, Query(ge=1, le=40, description="maximum number of runs, the first in the order")] = 10,
) -> Response:
    """One series of the runs that match all given filters, in one picture. Runs without a curve are left out."""
    with database.read() as db:
        chosen = runs.page(db, runs.has_curve(where), limit, order=order).items
    if not chosen:
        raise NotFound("no_curves")
    return group_picture(database, dict(zip(labels(chosen), chosen, strict=True)), series, axis, format)


def labels(chosen: Sequence[Run]) -> list[str]:
    """Names of the runs, cut where they are long; with the id if several have the same, or the id alone."""
    names = [name if len(name := run.name or "") <= LONGEST else f"{name[:LONGEST]}…" for run in chosen]
    count = Counter(names)
    return [
        run.id if not name else name if count[name] == 1 else f"{name}, {run.id}"
        for run, name in zip(chosen, names, strict=True)
    ]
