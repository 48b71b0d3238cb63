"""A run's curve as numbers, as a table or as a picture."""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Annotated

from fastapi import Depends, Query, Response
from fastapi.responses import JSONResponse, StreamingResponse

from app.api.caching import UNCHANGED, IfNoneMatch, etag_of, knows, unchanged
from app.api.deps import SLOW, Axis, DatabaseDep, FormatDep, PlacesDep, RunDep
from app.api.problems import binary, problems
from app.api.router import Router
from app.api.schemas.curves import CurveAnswer, points_json
from app.api.scopes import READ
from app.constants import TASK_METRICS
from app.datasets.names import first
from app.errors import Conflict, Invalid, NotFound
from app.messages import Fix
from app.plots.curves import MEDIA_TYPES, axis_of, draw
from app.storage import curves, pyramid
from app.suggestions import closest

Step = partial(Query, ge=1, le=curves.LAST_STEP)
LISTED = 12  # series that an error message lists

router = Router(prefix="/runs/{id}", tags=["curves"], responses=problems(NotFound, Invalid), dependencies=[READ])


def find_series(
    run: RunDep,
    database: DatabaseDep,
    series: Annotated[
        str | None,
        Query(
            max_length=2000,
            description="comma-separated names, such as train.loss,validation.accuracy. By default all series except "
            "the diagnostics, such as layer.0.gradient_norm",
        ),
    ] = None,
) -> list[str]:
    """The requested series, or all recorded ones. Raises Invalid for a name that no run of this task has."""
    with database.read() as db:
        there = list(curves.last_steps(db, run.id))
        if not series:
            return there
        names = series.split(",")
        sampled = curves.last_steps(db, run.id, diagnostics=True) if any(map(_is_diagnostic, names)) else {}
        to_come = [f"{part}.{metric}" for part in ("train", "validation") for metric in TASK_METRICS[run.task]]
        for name in names:
            if name not in there and name not in to_come and name not in sampled:
                choices = sorted({*there, *to_come}) + (list(sampled) if _is_diagnostic(name) else [])
                raise _no_such_series(run.id, name, choices)
        return names


def _no_such_series(run: str, name: str, choices: Sequence[str]) -> Invalid:
    """The error for an unknown series. It lists only the first names: the layers may have hundreds of series."""
    near, many = closest(name, choices), len(choices) > LISTED
    fix = Fix("series", near) if near else None
    return Invalid(
        "no_such_series", "series", fix,
        series=name, near=near, run=run, many=many, count=len(choices), **first(choices, LISTED),
    )  # fmt: skip


def _is_diagnostic(name: str) -> bool:
    return name.startswith(curves.DIAGNOSTICS)


SeriesDep = Annotated[list[str], Depends(find_series, scope="function")]


@router.get("/curve", summary="Get the curve as numbers", response_model=None,
            responses=UNCHANGED | {200: {"model": CurveAnswer}})  # fmt: skip
def get_curve(
    run: RunDep,
    database: DatabaseDep,
    names: SeriesDep,
    points: Annotated[int, Query(ge=1, le=10**7, description="maximum number of points per series")] = 1000,
    from_step: Annotated[int, Step(description="leave out the steps before this one")] = 1,
    to_step: Annotated[int, Step(description="leave out the steps after this one")] = curves.LAST_STEP,
    if_none_match: IfNoneMatch = None,
) -> Response:
    """The loss of every step is kept. A series with more than `points` points is thinned: it keeps the minimum and the
    maximum of each bucket of 2, 4, 8 or more consecutive steps.

    Buckets are the same in every part of a curve, so a page may zoom and scroll without a flicker. Any part takes the
    same time, however long the run is.
    """
    with database.read() as db:
        ends = [min(to_step, curves.last_step(db, run.id, name)) for name in names]
    # A curve only grows, so it is identified by the last steps: of a part that has ended, by the part alone.
    etag = etag_of(repr((names, points, from_step, ends)).encode())
    if knows(if_none_match, etag):
        return unchanged(etag)
    thinned = {name: pyramid.thinned(database, run.id, name, points, from_step, to_step) for name in names}
    answer = {
        "run": run.id,
        "points": sum(len(one.steps) for one in thinned.values()),
        "downsampled": any(one.stands_for is not None for one in thinned.values()),
        "series": {name: points_json(one) for name, one in thinned.items()},
    }
    # No validation against the model: there may be millions of numbers.
    return JSONResponse(answer, headers={"ETag": etag})


@router.get("/curve.csv", summary="Get every point as CSV: series,step,value", response_class=StreamingResponse,
            responses=binary("text/csv"), dependencies=[SLOW])  # fmt: skip
def get_curve_csv(run: RunDep, database: DatabaseDep, names: SeriesDep, places: PlacesDep) -> StreamingResponse:
    """One line for each point; nothing is thinned."""

    def pieces(id: str) -> Iterator[str]:
        yield "series,step,value\n"
        for name in names:
            for page in curves.pages(database.read, id, name):
                points = zip(page.steps.tolist(), page.values.tolist(), strict=True)
                yield "".join(f"{name},{step},{value!r}\n" for step, value in points)

    return StreamingResponse(places.pieces(pieces(run.id)), media_type="text/csv")


@router.get("/curve.{format}", summary="Get the curve as a picture", response_class=Response,
            responses=binary("image/png", "image/svg+xml") | problems(Conflict), dependencies=[SLOW])  # fmt: skip
def draw_curve(
    run: RunDep,
    database: DatabaseDep,
    names: SeriesDep,
    format: FormatDep,
    axis: Annotated[Axis, Query(description="the x-axis")] = "step",
) -> Response:
    """A panel for each metric. A value that is not finite is a marked gap."""
    thinned = {name: pyramid.thinned(database, run.id, name, 2000) for name in names}
    picture = draw(thinned, run.name or run.id, format, axis_of(run.progress, axis))
    return Response(picture, media_type=MEDIA_TYPES[format])
