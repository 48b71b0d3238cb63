"""Streams of what happens to runs. A viewer holds no thread, so the number of viewers is not limited."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

from sqlalchemy import select, true
from sqlalchemy.orm import Session

from app.access import Caller
from app.api.schemas.curves import points_json
from app.api.schemas.runs import RunAnswer, metrics_answer, run_answer
from app.constants import ENDED, RunStatus
from app.runs.views import status_of, view
from app.serving.coalescing import SingleFlight
from app.storage import curves, runs
from app.storage.database import Database, database_now
from app.storage.series import Series
from app.storage.tables import Run

LOSS = "train.loss"
LOOK_SECONDS = 0.2
NEWEST = 100  # runs of a list

Permission = Callable[[], Awaitable[bool]]


class Position(NamedTuple):
    """Position of a viewer in a run: the last step received of `train.loss`, and of the other series."""

    run: str
    loss_step: int = 0
    other_step: int = 0

    def __str__(self) -> str:
        return f"{self.loss_step}.{self.other_step}"

    def of(self, series: str) -> int:
        """The last step received of this series."""
        return self.loss_step if series == LOSS else self.other_step

    def after(self, points: Mapping[str, Series]) -> "Position":
        """The position once these points have been received."""
        last = {name: int(series.steps[-1]) for name, series in points.items()}
        loss_step = last.pop(LOSS, self.loss_step)
        return Position(self.run, loss_step, max([self.other_step, *last.values()]))


class News(NamedTuple):
    """A run's present state, and the next points that a viewer has not received. Once the run has ended and none is
    left, `answer` is the run itself."""

    status: RunStatus
    attempt: int
    progress: dict[str, Any]
    points: Mapping[str, Series] = MappingProxyType({})
    answer: RunAnswer | None = None


class Event(NamedTuple):
    """An event, and the viewer's position in its run once it is received."""

    kind: str
    position: Position
    data: Any


NewsQueries = SingleFlight[tuple[Caller, tuple[Position, ...]], dict[str, News]]
NewestQueries = SingleFlight[Caller, dict[str, News]]


def news_queries(database: Database) -> NewsQueries:
    """Coalesced queries for the news of some runs, by run: viewers at the same positions share a query. What a caller
    does not see, and what has been deleted, has no news."""

    def find(key: tuple[Caller, tuple[Position, ...]]) -> dict[str, News]:
        caller, positions = key
        with database.of(caller).read() as db:
            now = db.execute(select(database_now())).scalar_one()
            # The runs first, then their points: once a run has ended, no point can be missing.
            rows = {run.id: run for run in runs.states(db, Run.id.in_([position.run for position in positions]))}
            db.expunge_all()  # of a run that has ended, everything is read
            return {seen.run: _news(db, rows[seen.run], seen, now) for seen in positions if seen.run in rows}

    return SingleFlight.in_threads(find)


def _news(db: Session, run: Run, seen: Position, now: float) -> News:
    last_steps = curves.last_steps(db, run.id) if run.progress else {}
    behind = [name for name, step in last_steps.items() if step > seen.of(name)]
    points = {name: curves.page(db, run.id, name, seen.of(name) + 1) for name in behind}
    state = _state(run, now)
    has_all = state.status in ENDED and not points
    return state._replace(points=points, answer=run_answer(view(db, runs.get(db, run.id))) if has_all else None)


def _state(run: Run, now: float) -> News:
    return News(status_of(run, now), run.attempt, run.progress | {"metrics": metrics_answer(run)})


def newest_queries(database: Database) -> NewestQueries:
    """Coalesced queries for the states of the newest runs that a caller sees, without points."""

    def find(caller: Caller) -> dict[str, News]:
        with database.of(caller).read() as db:
            now = db.execute(select(database_now())).scalar_one()
            return {run.id: _state(run, now) for run in runs.states(db, true(), NEWEST)}

    return SingleFlight.in_threads(find)


async def watch(
    news: NewsQueries, caller: Caller, positions: Collection[Position], is_permitted: Permission
) -> AsyncIterator[Event]:
    """The events after the given positions, until all runs are done or gone, or the viewer may no longer see them."""
    watched = {position.run: position for position in positions}
    statuses: dict[str, str] = {}
    while watched and await is_permitted():
        found = await news.get((caller, tuple(watched.values())))
        for seen in list(watched.values()):
            if seen.run not in found:
                del watched[seen.run]
                yield Event("gone", seen, None)
                continue
            status, attempt, progress, points, answer = found[seen.run]
            at_rest = status == RunStatus.PAUSED or status in ENDED
            # Sent before the points, which a client that reconnects with this id lacks; after them once no more follow.
            if status != statuses.get(seen.run) and not (at_rest and points):
                statuses[seen.run] = status
                yield Event("status", seen, {"status": status, "attempt": attempt})
            if points:
                watched[seen.run] = after = seen.after(points)
                yield Event("points", after, {name: points_json(series) for name, series in points.items()})
                yield Event("progress", after, progress)
            elif answer is not None:
                del watched[seen.run]
                yield Event("done", seen, answer.model_dump())
        is_behind = any(of_run.points and of_run.status in ENDED for of_run in found.values())
        if watched and not is_behind:
            await asyncio.sleep(LOOK_SECONDS)


async def watch_newest(newest: NewestQueries, caller: Caller, is_permitted: Permission) -> AsyncIterator[Event]:
    """Events `status` and `progress` of the newest runs, first of all and then of those that change, and `gone` for
    those that are deleted. They end when the viewer may no longer see them."""
    seen: dict[str, News] = {}
    while await is_permitted():
        found = await newest.get(caller)
        oldest = min(found) if len(found) == NEWEST else ""
        for run in sorted(run for run in seen.keys() - found.keys() if run > oldest):
            yield Event("gone", Position(run), None)
        for run, now in found.items():
            before = seen.get(run)
            if before is None or (before.status, before.attempt) != (now.status, now.attempt):
                yield Event("status", Position(run), {"status": now.status, "attempt": now.attempt})
            if before is None or before.progress != now.progress:
                yield Event("progress", Position(run), now.progress)
        seen = found
        await asyncio.sleep(LOOK_SECONDS)
