"""The speed of the queue of runs, from which the start of a queued run is estimated."""

import heapq
from typing import NamedTuple

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.constants import RunStatus
from app.storage.queue.claims import run_claims
from app.storage.tables import Run

RECENT = 20  # succeeded runs whose training times are averaged


class Pace(NamedTuple):
    """The seconds that a run takes, and the times at which the running ones end."""

    each: float
    ends: list[float]

    def start(self, position: int) -> float:
        """The time at which the run at this position of the queue starts."""
        ends = sorted(self.ends)  # a sorted list is a heap
        for _ in range(position - 1):
            heapq.heapreplace(ends, ends[0] + self.each)
        return ends[0]


def pace(db: Session, now: float) -> Pace | None:
    """Estimate the pace from the last succeeded runs, the remaining times of the running ones, and their number.

    None before the first run has succeeded.
    """
    trained, left = Run.progress["seconds"].as_float(), Run.progress["eta_seconds"].as_float()
    succeeded = select(trained.label("trained")).where(Run.status == RunStatus.SUCCEEDED)
    recent = succeeded.order_by(Run.finished_at.desc()).limit(RECENT).subquery()
    each: float | None = db.execute(select(func.avg(recent.c.trained))).scalar_one()
    if each is None:
        return None
    running = db.execute(select(left, trained).where(run_claims.leased(now))).all()
    remaining = [max(0.0, each - (seconds or 0.0)) if eta is None else eta for eta, seconds in running]
    return Pace(each, [now + seconds for seconds in remaining] or [now])
