"""Server-sent events of a run, of some runs, or of the newest ones."""

import json
import re
from collections.abc import AsyncIterator
from typing import Annotated, Any

from anyio import BrokenResourceError
from fastapi import Depends, Header, Query, Request
from fastapi.sse import EventSourceResponse, ServerSentEvent

from app.api.deps import RunDep, RunId
from app.api.event_streams import NewestQueries, NewsQueries, Permission, Position, watch, watch_newest
from app.api.keyring import Keyring
from app.api.problems import problems
from app.api.router import Router
from app.api.schemas.events import STREAM, STREAM_OF_RUNS
from app.api.scopes import READ, CallerDep
from app.errors import Invalid, NotFound

MOST = 100  # runs of one stream
NEWEST = "newest"  # in place of ids
PLACE = r"[0-9]{1,18}\.[0-9]{1,18}"
RUN_AT = rf"[0-9A-Za-z_]{{1,40}}(@{PLACE})?"


async def departures() -> AsyncIterator[None]:
    """Let a viewer leave while an event is on its way: FastAPI then sends it to a stream that is closed already."""
    try:
        yield
    except* BrokenResourceError:
        pass


router = Router(tags=["curves"], dependencies=[READ, Depends(departures)])


async def news_queries_of_app(request: Request) -> NewsQueries:
    queries: NewsQueries = request.app.state.news
    return queries


async def newest_queries_of_app(request: Request) -> NewestQueries:
    queries: NewestQueries = request.app.state.newest
    return queries


async def permission(caller: CallerDep, request: Request) -> Permission:
    """A check that the caller's key is still valid."""
    keyring: Keyring = request.app.state.keyring
    return lambda: keyring.permits(caller)


NewsDep = Annotated[NewsQueries, Depends(news_queries_of_app)]
NewestDep = Annotated[NewestQueries, Depends(newest_queries_of_app)]
PermissionDep = Annotated[Permission, Depends(permission)]


def _last_event_id(pattern: str, max_length: int, example: str) -> Any:
    return Header(
        alias="Last-Event-ID",
        max_length=max_length,
        description="id of the last event that was received; the stream continues after it",
        examples=[example],
        json_schema_extra={"pattern": f"^{pattern}$"},
    )


def position(id: RunId, last_event_id: Annotated[str | None, _last_event_id(PLACE, 100, "600.550")] = None) -> Position:
    """The position to start from: after the event with this id, or the beginning. Raises Invalid."""
    return Position(id) if last_event_id is None else _at(id, last_event_id)


def positions(
    runs: Annotated[
        str,
        Query(
            max_length=MOST * 80,
            description=f"ids of at most {MOST} runs, separated by commas, or `newest`. An id may have a position, as "
            "in run_a@600.550: its events continue after these steps of `train.loss` and of the other series",
            examples=["run_01k9zj4c2m8s0q1v5w7x3y6t4a@600.550,run_01k9zj4c2m8s0q1v5w7x3y6t4b"],
            json_schema_extra={"pattern": rf"^{RUN_AT}(,{RUN_AT}){{0,{MOST - 1}}}$"},
        ),
    ],
    last_event_id: Annotated[
        str | None, _last_event_id(rf"{PLACE}(,{PLACE}){{0,{MOST - 1}}}", MOST * 38, "600.550,12.0")
    ] = None,
) -> list[Position] | None:
    """The position to start from in each run; None for the newest runs. Raises Invalid."""
    if runs == NEWEST:
        return None
    parts = runs.split(",")
    if len(parts) > MOST or not all(re.fullmatch(RUN_AT, part) for part in parts):
        raise Invalid("runs_of_stream", "runs", most=MOST)
    starts = [_at(run, place) if at else Position(run) for run, at, place in (part.partition("@") for part in parts)]
    if len({start.run for start in starts}) < len(starts):
        raise Invalid("runs_repeat", "runs")
    if last_event_id is None:
        return starts
    seen = last_event_id.split(",")
    if len(seen) != len(starts):
        raise Invalid("event_id_unknown", "Last-Event-ID")
    return [_at(start.run, place) for start, place in zip(starts, seen, strict=True)]


def _at(run: str, place: str) -> Position:
    if re.fullmatch(PLACE, place) is None:
        raise Invalid("event_id_unknown", "Last-Event-ID")
    loss_step, other_step = place.split(".")
    return Position(run, int(loss_step), int(other_step))


@router.get("/runs/{id}/events", summary="Watch a run (server-sent events)", response_class=EventSourceResponse,
            responses=problems(NotFound, Invalid) | {200: {"content": {"text/event-stream": STREAM}}})  # fmt: skip
async def watch_run(
    run: RunDep,
    news: NewsDep,
    seen: Annotated[Position, Depends(position)],
    caller: CallerDep,
    is_permitted: PermissionDep,
) -> AsyncIterator[ServerSentEvent]:
    """Events `status`, `points`, `progress` and finally `done`. If the run is paused or has ended, its status follows
    its last points.

    An event's id, such as `600.550`, is the last step sent of `train.loss` and of the other series. Send it as
    Last-Event-ID to continue the stream without a gap or a repeated point. The stream ends when the key is revoked.
    """
    async for event in watch(news, caller, [seen._replace(run=run.id)], is_permitted):
        if event.kind != "gone":
            yield _sent(event.kind, str(event.position), event.data)


@router.get("/events", summary="Watch several runs (server-sent events)", response_class=EventSourceResponse,
            responses=problems(Invalid) | {200: {"content": {"text/event-stream": STREAM_OF_RUNS}}})  # fmt: skip
async def watch_runs(
    news: NewsDep,
    newest: NewestDep,
    starts: Annotated[list[Position] | None, Depends(positions)],
    caller: CallerDep,
    is_permitted: PermissionDep,
) -> AsyncIterator[ServerSentEvent]:
    """The events of each run, as `GET /runs/{id}/events` sends them, with the run's id, and `gone` for a run that is
    not there. The stream ends when all runs are done or gone, or the key is revoked.

    An event's `at` is the position in its run: another stream continues from it if it is sent in `runs`. An event's id
    has the positions of all runs. Send it as Last-Event-ID to continue the stream without a gap or a repeated point.

    `runs=newest` is a stream of the newest 100 runs without their points: `status` and `progress`, first of all and
    then of those that change, and `gone` for those that are deleted. It ends only with the key.
    """
    if starts is None:
        async for event in watch_newest(newest, caller, is_permitted):
            yield _sent(event.kind, None, {"run": event.position.run, "at": None, "data": event.data})
        return
    positions = {start.run: start for start in starts}
    async for event in watch(news, caller, starts, is_permitted):
        run = event.position.run
        positions[run] = event.position
        content = {"run": run, "at": str(event.position), "data": event.data}
        yield _sent(event.kind, ",".join(map(str, positions.values())), content)


def _sent(kind: str, id: str | None, data: object) -> ServerSentEvent:
    """An event with its data as JSON. It is encoded here because FastAPI would first visit every point."""
    return ServerSentEvent(event=kind, id=id, raw_data=json.dumps(data))
