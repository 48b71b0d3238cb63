"""A run's curve: as numbers, as a table, as a picture, and as a stream of events."""

import json
import math
import time
from collections.abc import Iterator
from typing import Annotated, Any

from fastapi import APIRouter, Header, Query, Response
from fastapi.responses import JSONResponse, StreamingResponse

from app.api.deps import DatabaseDep, RunDep
from app.api.plots import Format, draw
from app.api.problems import binary, problems
from app.api.results import CurveAnswer
from app.api.runs import described
from app.errors import Invalid, NotFound
from app.storage import curves, runs
from app.storage.database import Database
from app.storage.tables import ENDED

router = APIRouter(prefix="/runs/{id}", tags=["curves"], responses=problems(NotFound, Invalid))

SeriesNames = Annotated[
    str | None,
    Query(max_length=2000, description="comma-separated, such as train.loss,validation.accuracy; all if left out"),
]
FromStep = Annotated[int, Query(ge=1, le=10**9)]


def number(value: float) -> float | str:
    """JSON has no NaN and no ∞: they are strings."""
    if math.isfinite(value):
        return value
    return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"


def as_json(series: curves.Series) -> dict[str, list[Any]]:
    """Steps and values, and where it was thinned how many points each stands for."""
    answer: dict[str, list[Any]] = {"step": series.steps.tolist(), "value": [number(v) for v in series.values.tolist()]}
    if series.stands_for is not None:
        answer["stands_for"] = series.stands_for.tolist()
    return answer


def wanted(series: str | None, database: Database, run: str) -> list[str]:
    """The names of the series asked for, or of all that there are."""
    if series:
        return series.split(",")
    with database.read() as db:
        return list(curves.last_steps(db, run))


@router.get("/curve", summary="The curve as numbers; every step's loss is kept", response_model=None,
            responses={200: {"model": CurveAnswer}})  # fmt: skip
def curve(
    run: RunDep,
    database: DatabaseDep,
    series: SeriesNames = None,
    points: Annotated[int, Query(ge=1, le=10**7, description="at most so many a series")] = 1000,
    from_step: FromStep = 1,
) -> JSONResponse:
    names = wanted(series, database, run.id)
    thinned = {name: curves.thinned(database, run.id, name, points, from_step) for name in names}
    answer = {
        "run": run.id,
        "points": sum(len(found.steps) for found in thinned.values()),
        "downsampled": any(found.stands_for is not None for found in thinned.values()),
        "series": {name: as_json(found) for name, found in thinned.items()},
    }
    return JSONResponse(answer)  # millions of numbers are not checked against the model once more


@router.get("/curve.csv", summary="Every point as series,step,value", response_class=StreamingResponse,
            responses=binary("text/csv"))  # fmt: skip
def curve_csv(run: RunDep, database: DatabaseDep, series: SeriesNames = None) -> StreamingResponse:
    names = wanted(series, database, run.id)

    def pieces(id: str) -> Iterator[str]:
        yield "series,step,value\n"
        for name in names:
            for found in curves.pages(database, id, name):
                points = zip(found.steps.tolist(), found.values.tolist(), strict=True)
                yield "".join(f"{name},{step},{value!r}\n" for step, value in points)

    return StreamingResponse(pieces(run.id), media_type="text/csv")


@router.get("/curve.{format}", summary="The curve as a picture", response_class=Response,
            responses=binary("image/png", "image/svg+xml"))  # fmt: skip
def curve_plot(run: RunDep, database: DatabaseDep, format: Format, series: SeriesNames = None) -> Response:
    names = wanted(series, database, run.id)
    thinned = {name: curves.thinned(database, run.id, name, 2000) for name in names}
    picture = draw(thinned, run.name or run.id, format)
    return Response(picture, media_type={"png": "image/png", "svg": "image/svg+xml"}[format])


@router.get("/events", summary="The run as it happens (server-sent events)", response_class=StreamingResponse,
            responses=binary("text/event-stream"))  # fmt: skip
def events(
    run: RunDep,
    database: DatabaseDep,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID", max_length=100)] = None,
) -> StreamingResponse:
    """`status`, `progress`, `points` and at last `done`.

    The id of an event is the last step seen of `train.loss` and of the other series, `600.550`: with it as
    Last-Event-ID the stream goes on without a gap or a repeat.
    """
    try:
        loss_step, other_step = (int(part) for part in (last_event_id or "0.0").split("."))
    except ValueError:
        raise Invalid("Last-Event-ID is not one of this stream; leave it out to begin at the start") from None
    return StreamingResponse(
        stream(database, run.id, loss_step, other_step),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-cache"},
    )


def stream(database: Database, id: str, loss_step: int, other_step: int) -> Iterator[str]:
    """The events after the given steps, until the run is done."""
    status: str | None = None
    quiet_since = time.monotonic()
    while True:
        with database.read() as db:
            run = described(db, runs.get(db, id))
            points = {
                name: curves.page(db, id, name, (loss_step if name == "train.loss" else other_step) + 1)
                for name in curves.last_steps(db, id)
            }
        points = {name: found for name, found in points.items() if len(found.steps)}
        for name, found in points.items():
            if name == "train.loss":
                loss_step = int(found.steps[-1])
        others = [int(found.steps[-1]) for name, found in points.items() if name != "train.loss"]
        other_step = max([other_step, *others])
        position = f"{loss_step}.{other_step}"
        if run.status != status:
            status = run.status
            yield event("status", position, {"status": status, "attempt": run.attempt})
        if points:
            yield event("points", position, {name: as_json(found) for name, found in points.items()})
            yield event("progress", position, run.progress | {"metrics": run.metrics})
            quiet_since = time.monotonic()
        elif run.status in ENDED:
            yield event("done", position, run.model_dump())
            return
        if time.monotonic() - quiet_since > 15:
            yield ": still here\n\n"  # keeps proxies from closing the connection
            quiet_since = time.monotonic()
        if run.status not in ENDED:
            time.sleep(0.2)


def event(kind: str, id: str, data: object) -> str:
    return f"event: {kind}\nid: {id}\ndata: {json.dumps(data)}\n\n"
