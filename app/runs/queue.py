"""The queue of runs in words: who waits, why, and until when; and the workers."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.constants import RunStatus
from app.messages import Message
from app.storage.database import database_now
from app.storage.queue import waiting, workers
from app.storage.queue.pace import pace
from app.storage.queue.waiting import Waiting
from app.storage.tables import Run, Worker


@dataclass(frozen=True)
class Entry:
    """A waiting run: its position (1 is next), why it waits, and when it should start, if that can be estimated."""

    run: Run
    position: int
    reason: Message
    estimated_start: float | None


@dataclass(frozen=True)
class QueuePage:
    """Entries in the order of claiming, and the cursor of the next page; the numbers of all waiting runs and of the
    workers' places, and how many of these are free."""

    entries: list[Entry]
    next: str | None
    waiting: int
    places: int
    free: int


def queue_page(db: Session, limit: int, cursor: str | None, lease_seconds: float) -> QueuePage:
    """A page of the queue. Raises Invalid for a cursor of another list."""
    now = db.execute(select(database_now())).scalar_one()
    places = workers.places(db, now, lease_seconds)
    free = max(0, places - workers.training(db, now))
    estimate = pace(db, now, free) if places else None
    page = waiting.page(db, now, limit, cursor)
    entries = [
        Entry(
            run=item.run,
            position=item.before.ahead + 1,
            reason=_reason(item, places, free),
            estimated_start=estimate.start(item.before.ahead + 1) if estimate else None,
        )
        for item in page.items
    ]
    return QueuePage(entries, page.next, workers.waiting(db, now), places, free)


def _reason(item: Waiting, places: int, free: int) -> Message:
    if not places:
        return Message.of("waits_for_worker")
    if item.run.status == RunStatus.RUNNING:
        return Message.of("waits_to_continue", worker=item.run.worker)
    ahead = item.before.ahead
    if ahead < free:
        return Message.of("waits_for_claim")
    if not ahead:
        return Message.of("waits_for_place", places=places)
    return Message.of("waits_behind", several=ahead > 1, **item.before._asdict())


@dataclass(frozen=True)
class WorkerView:
    """A worker that is alive, with the runs that it trains, of those that the caller may see."""

    worker: Worker
    runs: list[Run]

    @property
    def device(self) -> str | None:
        """The device that it trains on; None while it is idle."""
        return self.runs[-1].device if self.runs else None


def worker_views(db: Session, lease_seconds: float) -> list[WorkerView]:
    """The workers that are alive, oldest first."""
    running: dict[str | None, list[Run]] = {}
    for run in db.scalars(select(Run).where(Run.status == RunStatus.RUNNING).order_by(Run.id)):
        running.setdefault(run.worker, []).append(run)
    alive = workers.alive(db, database_now(), lease_seconds)
    return [WorkerView(worker, running.get(worker.id, [])) for worker in alive]
