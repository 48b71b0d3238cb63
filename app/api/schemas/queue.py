"""Response models of the queue."""

from typing import Any

from pydantic import BaseModel, Field

from app.api.schemas.runs import A_RUN
from app.api.schemas.times import AN_INSTANT, rfc3339
from app.runs.queue import Entry, QueuePage


class QueueEntry(BaseModel):
    """A run that waits for a worker."""

    run: str = Field(examples=[A_RUN], description="the run's id")
    name: str | None = Field(description="the run's name")
    owner: str | None = Field(examples=["s1"], description="the owner of the key that made it; null if it is common")
    priority: int = Field(examples=[0], description="runs with a higher priority start first")
    position: int = Field(examples=[3], description="among all waiting runs; 1 starts next")
    created_at: str = Field(examples=[AN_INSTANT], description="time of the request")
    estimated_start: str | None = Field(
        examples=[AN_INSTANT],
        description="estimated from the durations of recent runs; null before there are any, and without a worker",
    )
    reason: str = Field(
        examples=["2 waiting runs come first, 2 of other owners"],
        description="why it waits, as a sentence",
    )
    code: str = Field(
        examples=["waits_behind"], description="`reason` as a code; docs/errors.md has a section for each"
    )
    params: dict[str, Any] = Field(
        examples=[{"several": True, "ahead": 2, "urgent": 0, "others": 2}],
        description="the values that `reason` mentions",
    )


class QueueAnswer(BaseModel):
    """The runs that wait, in the order in which they start if all take equally long."""

    items: list[QueueEntry] = Field(description="the waiting runs of this page, of those that the caller may see")
    next: str | None = Field(description="`cursor` of the next page; null on the last one")
    waiting: int = Field(examples=[3], description="number of all waiting runs")
    places: int = Field(examples=[2], description="number of runs that the workers which are alive train at once")
    free: int = Field(examples=[0], description="number of these places that no run has")


def queue_answer(page: QueuePage) -> QueueAnswer:
    """The response for a page of the queue."""
    return QueueAnswer(
        items=[_entry(entry) for entry in page.entries],
        next=page.next,
        waiting=page.waiting,
        places=page.places,
        free=page.free,
    )


def _entry(entry: Entry) -> QueueEntry:
    run, reason = entry.run, entry.reason
    return QueueEntry(
        run=run.id,
        name=run.name,
        owner=run.owner or None,
        priority=run.priority,
        position=entry.position,
        created_at=rfc3339(run.created_at),
        estimated_start=rfc3339(entry.estimated_start),
        reason=reason.text(),
        **reason.to_json(),
    )
