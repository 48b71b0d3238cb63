"""Exports of any set of runs, for other programs: Parquet tables, and TensorBoard's event files."""

from collections.abc import AsyncIterator
from typing import Annotated

from fastapi import Query
from fastapi.responses import StreamingResponse
from sqlalchemy import select

from app.api.deps import SLOW, DatabaseDep, PlacesDep
from app.api.problems import binary, problems
from app.api.router import Router
from app.api.run_filter import FilterDep, OrderDep
from app.api.scopes import READ
from app.errors import Invalid
from app.runs.event_files import event_files
from app.runs.parquet import points_file, runs_file
from app.storage import runs
from app.storage.database import database_now

router = Router(tags=["runs"], responses=problems(Invalid), dependencies=[READ])

FILE = "application/octet-stream"


@router.get("/export.parquet", summary="Export runs, or the points of their curves, as Parquet",
            response_class=StreamingResponse, responses=binary(FILE), dependencies=[SLOW])  # fmt: skip
def export_runs(
    database: DatabaseDep,
    places: PlacesDep,
    where: FilterDep,
    order: OrderDep,
    curves: Annotated[
        bool, Query(description="a row for each point of the runs, in place of one for each run")
    ] = False,
) -> StreamingResponse:
    """A row for each run that matches all given filters, with its times, main hyperparameters, metrics, size, tags and
    whole request; or, with `curves`, a row for each point: run, series, step and value.

    The file is sent while it is read, whatever its size. docs/exports.md lists the columns."""
    pages = runs.pages(database, where, order)
    if curves:
        ids = (run.id for page in pages for run in page)
        return _file(places.pieces(points_file(ids, database.read)), "points.parquet")
    with database.read() as db:
        now = db.execute(select(database_now())).scalar_one()
    return _file(places.pieces(runs_file(pages, now)), "runs.parquet")


@router.get("/export.tensorboard.zip", summary="Export the curves of runs for TensorBoard",
            response_class=StreamingResponse, responses=binary(FILE), dependencies=[SLOW])  # fmt: skip
def export_curves(database: DatabaseDep, places: PlacesDep, where: FilterDep, order: OrderDep) -> StreamingResponse:
    """A zip with a folder for each run that matches all given filters and has a curve, in which is an event file with
    every point of its series. `tensorboard --logdir` shows the unpacked folder."""
    pages = runs.pages(database, runs.has_curve(where), order)
    chosen = (run for page in pages for run in page)
    return _file(places.pieces(event_files(chosen, database.read)), "tensorboard.zip")


def _file(pieces: AsyncIterator[bytes], name: str) -> StreamingResponse:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(pieces, media_type=FILE, headers=headers)
