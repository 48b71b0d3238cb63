"""Server-sent events of a run. A viewer holds no thread, so the number of viewers is not limited."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Annotated, NamedTuple

from fastapi import APIRouter, Depends, Header, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.api.deps import RunDep
from app.api.problems import binary, problems
from app.api.schemas.curves import points_json
from app.api.schemas.runs import RunAnswer, run_answer
from app.constants import ENDED, RunStatus
from app.errors import Invalid, NotFound
from app.runs.views import view
from app.serving.coalescing import SingleFlight
from app.storage import curves, runs
from app.storage.database import Database

router = APIRouter(prefix="/runs/{id}", tags=["curves"], responses=problems(NotFound, Invalid))

LOSS = "train.loss"
LOOK_SECONDS = 0.2


class Position(NamedTuple):
    """Position of a viewer in a run: the last step received of `train.loss`, and of the other series."""

    run: str
    loss_step: int
    other_step: int

    def __str__(self) -> str:
        return f"{self.loss_step}.{self.other_step}"


class News(NamedTuple):
    """A run's present state, and the next points that a viewer has not received."""

    run: RunAnswer
    points: dict[str, curves.Series]


NewsQueries = SingleFlight[Position, News]


def news_queries(database: Database) -> NewsQueries:
    """Coalesced queries for news: viewers of one run at the same position share a query."""

    def find(seen: Position) -> News:
        with database.read() as db:
            # The run first, then its points: once the run has ended, no point can be missing.
            run = run_answer(view(db, runs.get(db, seen.run)))
            points = {
                name: curves.page(db, seen.run, name, 1 + (seen.loss_step if name == LOSS else seen.other_step))
                for name in curves.last_steps(db, seen.run)
            }
        return News(run, {name: series for name, series in points.items() if len(series.steps)})

    return SingleFlight.in_threads(find)


async def news_queries_of_app(request: Request) -> NewsQueries:
    queries: NewsQueries = request.app.state.news
    return queries


NewsDep = Annotated[NewsQueries, Depends(news_queries_of_app)]


def position(
    id: str, last_event_id: Annotated[str | None, Header(alias="Last-Event-ID", max_length=100)] = None
) -> Position:
    """The position to start from: after the event with this id, or the beginning. Raises Invalid."""
    seen = re.fullmatch(r"([0-9]{1,18})\.([0-9]{1,18})", last_event_id or "0.0")
    if seen is None:
        raise Invalid("event_id_unknown")
    return Position(id, int(seen[1]), int(seen[2]))


@router.get("/events", summary="Watch a run (server-sent events)", response_class=EventSourceResponse,
            responses=binary("text/event-stream"))  # fmt: skip
async def events(
    run: RunDep, news: NewsDep, seen: Annotated[Position, Depends(position)]
) -> AsyncIterator[ServerSentEvent]:
    """Events `status`, `points`, `progress` and finally `done`. If the run is paused or has ended, its status follows
    its last points.

    An event's id, such as `600.550`, is the last step sent of `train.loss` and of the other series. Send it as
    Last-Event-ID to continue the stream without a gap or a repeated point.
    """
    async for event in stream(news, seen._replace(run=run.id)):
        yield event


async def stream(news: NewsQueries, seen: Position) -> AsyncIterator[ServerSentEvent]:
    """The events after the given position, until the run is done."""
    status: str | None = None
    while True:
        try:
            run, points = await news.get(seen)
        except NotFound:  # the run has been deleted
            return
        at_rest = run.status == RunStatus.PAUSED or run.status in ENDED
        # Sent before the points, which a client that reconnects with this id lacks; after them once no more follow.
        if run.status != status and not (at_rest and points):
            status = run.status
            yield event("status", seen, {"status": status, "attempt": run.attempt})
        last = {name: int(series.steps[-1]) for name, series in points.items()}
        loss_step = last.pop(LOSS, seen.loss_step)
        seen = Position(seen.run, loss_step, max([seen.other_step, *last.values()]))
        if points:
            yield event("points", seen, {name: points_json(series) for name, series in points.items()})
            yield event("progress", seen, run.progress | {"metrics": run.metrics})
        elif run.status in ENDED:
            yield event("done", seen, run.model_dump())
            return
        if run.status not in ENDED:
            await asyncio.sleep(LOOK_SECONDS)


def event(kind: str, seen: Position, data: object) -> ServerSentEvent:
    """An event with its data as JSON. It is encoded here because FastAPI would first visit every point."""
    return ServerSentEvent(event=kind, id=str(seen), raw_data=json.dumps(data))
