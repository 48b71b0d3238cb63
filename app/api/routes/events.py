"""A run as it happens: a stream of server-sent events. A viewer costs no thread, so that any number may watch."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import StreamingResponse

from app.api.deps import RunDep
from app.api.problems import binary, problems
from app.api.routes.curves import as_json
from app.api.routes.runs import described
from app.api.schemas.runs import RunAnswer
from app.errors import Invalid, NotFound
from app.serving.coalescing import SingleFlight
from app.storage import curves, runs
from app.storage.database import Database
from app.storage.tables import ENDED

router = APIRouter(prefix="/runs/{id}", tags=["curves"], responses=problems(NotFound, Invalid))

LOSS = "train.loss"
LOOK_SECONDS = 0.2
QUIET_SECONDS = 15


class Position(NamedTuple):
    """What a viewer has seen of a run: the last steps of `train.loss` and of the other series."""

    run: str
    loss_step: int
    other_step: int

    def __str__(self) -> str:
        return f"{self.loss_step}.{self.other_step}"


class News(NamedTuple):
    """A run as it is now, and the next points that a viewer has not seen."""

    run: RunAnswer
    points: dict[str, curves.Series]


NewsQueries = SingleFlight[Position, News]


def news_queries(database: Database) -> NewsQueries:
    """Looks up what is new to a viewer; those of one run who have seen as much share a query."""

    def find(seen: Position) -> News:
        with database.read() as db:
            run = described(db, runs.get(db, seen.run))  # before its points: of a run that has ended none is missing
            points = {
                name: curves.page(db, seen.run, name, 1 + (seen.loss_step if name == LOSS else seen.other_step))
                for name in curves.last_steps(db, seen.run)
            }
        return News(run, {name: found for name, found in points.items() if len(found.steps)})

    return SingleFlight.in_threads(find)


async def news_queries_of_app(request: Request) -> NewsQueries:
    found: NewsQueries = request.app.state.news
    return found


NewsDep = Annotated[NewsQueries, Depends(news_queries_of_app)]


@router.get("/events", summary="The run as it happens (server-sent events)", response_class=StreamingResponse,
            responses=binary("text/event-stream"))  # fmt: skip
def events(
    run: RunDep,
    news: NewsDep,
    last_event_id: Annotated[str | None, Header(alias="Last-Event-ID", max_length=100)] = None,
) -> StreamingResponse:
    """`status`, `progress`, `points` and at last `done`. The status of a run that has ended, or is paused, comes
    behind its last points.

    The id of an event is the last step seen of `train.loss` and of the other series, `600.550`: with it as
    Last-Event-ID the stream goes on without a gap or a repeat.
    """
    seen = re.fullmatch(r"([0-9]{1,18})\.([0-9]{1,18})", last_event_id or "0.0")
    if seen is None:
        raise Invalid("Last-Event-ID is not one of this stream; leave it out to begin at the start")
    return StreamingResponse(
        stream(news, Position(run.id, int(seen[1]), int(seen[2]))),
        media_type="text/event-stream",
        headers={"Cache-Control": "no-cache"},
    )


async def stream(news: NewsQueries, seen: Position) -> AsyncIterator[str]:
    """The events after the given position, until the run is done."""
    status: str | None = None
    quiet_since = time.monotonic()
    while True:
        try:
            run, points = await news.get(seen)
        except NotFound:  # it has been deleted
            return
        at_rest = run.status == "paused" or run.status in ENDED
        # Before its points, since who comes back with this id has not seen them; behind them where no more will come.
        if run.status != status and not (at_rest and points):
            status = run.status
            yield event("status", seen, {"status": status, "attempt": run.attempt})
        last = {name: int(found.steps[-1]) for name, found in points.items()}
        loss_step = last.pop(LOSS, seen.loss_step)
        seen = Position(seen.run, loss_step, max([seen.other_step, *last.values()]))
        if points:
            yield event("points", seen, {name: as_json(found) for name, found in points.items()})
            yield event("progress", seen, run.progress | {"metrics": run.metrics})
            quiet_since = time.monotonic()
        elif run.status in ENDED:
            yield event("done", seen, run.model_dump())
            return
        if time.monotonic() - quiet_since > QUIET_SECONDS:
            yield ": still here\n\n"  # keeps proxies from closing the connection
            quiet_since = time.monotonic()
        if run.status not in ENDED:
            await asyncio.sleep(LOOK_SECONDS)


def event(kind: str, seen: Position, data: object) -> str:
    return f"event: {kind}\nid: {seen}\ndata: {json.dumps(data)}\n\n"
