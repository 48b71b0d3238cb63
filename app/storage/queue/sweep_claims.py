"""The queue of sweeps: a sweep waits for a worker when enough of its runs have ended, or when it is due."""

from typing import Any, ClassVar

from sqlalchemy import ColumnElement, and_, bindparam, exists, func, or_, select
from sqlalchemy.orm import Session

from app.constants import RUNG, RunStatus, SweepStatus
from app.storage.database import database_now
from app.storage.queue.claims import OPEN, Claims, Key, Now, Values
from app.storage.tables import Run, Sweep, SweepRun


class SweepClaims(Claims[Sweep]):
    """The queue of sweeps. A sweep is `running` from its request on; a row without a worker is unclaimed.

    The fence asks for a worker too, as for imports. What wakes a sweep follows from the rows of its runs, so no end of
    a run can be missed.
    """

    table = Sweep
    order = (Key(Sweep.id),)
    # The condition of `ix_sweeps_running`. SQLite uses it only if the value is written out.
    is_running = Sweep.status == bindparam("running", SweepStatus.RUNNING, literal_execute=True)
    held = and_(is_running, Sweep.worker.is_not(None))
    CLAIMED: ClassVar[Values] = {"due_at": 0.0}  # until `wait`: whoever claims it may die in between

    def claimable(self, now: Now) -> ColumnElement[bool]:
        is_free = or_(Sweep.worker.is_(None), Sweep.lease_expires_at < now)
        open_runs = select(func.count()).select_from(SweepRun).where(*self._untold(), _goes_on()).correlate(Sweep)
        has_news = exists().where(*self._untold(), ~_goes_on()).correlate(Sweep)
        is_awake = and_(has_news, open_runs.scalar_subquery() <= Sweep.wake_at)
        return and_(self.is_running, is_free, or_(Sweep.due_at <= now, is_awake))

    def _untold(self) -> tuple[ColumnElement[bool], ...]:
        """Condition of the runs of a sweep whose result at their rung, or at their end, it does not know."""
        return SweepRun.sweep == Sweep.id, ~SweepRun.told

    def failed(self, error: dict[str, Any]) -> Values:
        known = {name: error[name] for name in ("message", "code", "params")}
        return {"error": known, **self.ended(SweepStatus.FAILED)}

    def ended(self, status: SweepStatus) -> Values:
        """Values of a sweep that has ended."""
        return {"status": status, "due_at": None, "finished_at": database_now(), **self.RELEASED}

    def wait(self, db: Session, id: str, attempt: int, due_at: Any, wake_at: int) -> None:
        """Give the sweep back until a run has ended and no more than `wake_at` are open, or until `due_at`.

        Raises LeaseLost.
        """
        self.write(db, id, attempt, due_at=due_at, wake_at=wake_at, deaths=0, **self.RELEASED)


def _goes_on() -> ColumnElement[bool]:
    """Condition: a sweep's run has neither ended nor reached its rung, and is still there."""
    paused_by_user = and_(Run.status == RunStatus.PAUSED, Run.stop_reason.is_distinct_from(RUNG))
    is_open = or_(Run.status.in_(OPEN), paused_by_user)
    return exists().where(Run.id == SweepRun.run, is_open).correlate(SweepRun)


sweep_claims = SweepClaims()
