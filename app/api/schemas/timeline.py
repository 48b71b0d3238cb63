"""The timeline of a run: what happened to it, and when."""

from collections.abc import Sequence

from pydantic import BaseModel, Field

from app.api.schemas.times import AN_INSTANT, rfc3339
from app.constants import RunStatus
from app.storage.tables import Run, RunEvent


class RunEventAnswer(BaseModel):
    """A change of the run's status, or a new attempt at it."""

    at: str = Field(description="its time", examples=[AN_INSTANT])
    status: RunStatus = Field(description="the run's status from then on", examples=[RunStatus.RUNNING])
    attempt: int = Field(description="number of the attempt; 0 before the first one", examples=[1])
    worker: str | None = Field(description="the worker that begins the attempt", examples=["lab-7-4121-0f3a9c1e"])
    died: bool = Field(description="the attempt's process ended without a result", examples=[False])


class Timeline(BaseModel):
    items: list[RunEventAnswer] = Field(
        description="from the request on, in their order. A run of an older version has fewer"
    )


def timeline(run: Run, events: Sequence[RunEvent]) -> Timeline:
    """The response for a run with its events. An older version recorded only when it began and ended."""
    first = RunEventAnswer(at=_time(run.created_at), status=RunStatus.QUEUED, attempt=0, worker=None, died=False)
    recorded = [
        RunEventAnswer(
            at=_time(event.at),
            status=RunStatus(event.status),
            attempt=event.attempt,
            worker=event.worker,
            died=event.died,
        )
        for event in events
    ]
    return Timeline(items=[first, *(recorded or _of_older_version(run))])


def _of_older_version(run: Run) -> list[RunEventAnswer]:
    times = [(run.started_at, RunStatus.RUNNING), (run.finished_at, RunStatus(run.status))]
    return [
        RunEventAnswer(at=_time(at), status=status, attempt=run.attempt, worker=None, died=False)
        for at, status in times
        if at is not None
    ]


def _time(at: float) -> str:
    return str(rfc3339(at))
