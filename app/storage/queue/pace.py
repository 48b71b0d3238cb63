"""The speed of the queue of runs, from which the start of a queued run is estimated."""

import heapq
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.storage.queue.run_claims import run_claims
from app.storage.queue.turns import mean_seconds
from app.storage.tables import Run
from app.storage.visibility import EVERYONES


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


def pace(db: Session, now: float, free: int = 0) -> Pace | None:
    """Estimate the pace from the last succeeded runs, the remaining times of the running ones, and their number. `free`
    further runs can start now.

    None before the first run has succeeded.
    """
    each = mean_seconds(db)
    if each is None:
        return None
    trained, left = Run.progress["seconds"].as_float(), Run.progress["eta_seconds"].as_float()
    held = select(left, trained).where(run_claims.leased(now))
    running = db.execute(held, execution_options=EVERYONES).all()
    remaining = [max(0.0, each - (seconds or 0.0)) if eta is None else eta for eta, seconds in running]
    ends = [now + seconds for seconds in remaining] + [now] * free
    return Pace(each, ends or [now])
