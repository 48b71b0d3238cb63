"""Sweeps, their trials, and the runs of these: created, found, listed, changed, cancelled and deleted."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any

from sqlalchemy import delete as delete_rows
from sqlalchemy import func, select, update
from sqlalchemy.orm import Session, load_only

from app.constants import PRUNED, RUNG, RunStatus, SweepStatus
from app.errors import Conflict, NotFound
from app.storage import runs
from app.storage.audit import Action, record
from app.storage.database import changed_rows, database_now
from app.storage.ids import new_id
from app.storage.paging import Page, fetch_newest
from app.storage.queue.claims import Now
from app.storage.queue.sweep_claims import sweep_claims
from app.storage.tables import Run, Sweep, SweepRun, SweepTrial
from app.storage.visibility import caller_of, require_own


@dataclass(frozen=True)
class TrialRows:
    """A trial with its runs, by seed; the row of a run is None if it has been deleted."""

    trial: SweepTrial
    runs: list[tuple[SweepRun, Run | None]]


def create(db: Session, **values: Any) -> Sweep:
    """Queue a sweep: see `Sweep`. Once committed, it is not lost."""
    now = db.execute(select(database_now())).scalar_one()
    caller = caller_of(db)
    sweep = Sweep(
        id=new_id("swp"),
        owner=caller.owner,
        status=SweepStatus.RUNNING,
        due_at=now,
        attempt=0,
        deaths=0,
        created_at=now,
        **values,
    )
    db.add(sweep)
    db.flush()
    record(db, Action.SWEEP_CREATE, sweep.id)
    return sweep


def get(db: Session, id: str) -> Sweep:
    """Raises NotFound."""
    return _or_refused(id, db.scalars(select(Sweep).where(Sweep.id == id)).one_or_none())


def get_own(db: Session, id: str) -> Sweep:
    """The sweep, to be changed: no other request changes it before this transaction ends. Raises NotFound, and
    Forbidden for another owner's."""
    sweep = _or_refused(id, db.scalars(select(Sweep).where(Sweep.id == id).with_for_update()).one_or_none())
    require_own(db, sweep)
    return sweep


def _or_refused(id: str, sweep: Sweep | None) -> Sweep:
    if sweep is None:
        raise NotFound("no_such_sweep", sweep=id)
    return sweep


def page(db: Session, limit: int, before: str | None) -> Page[Sweep]:
    """Up to `limit` sweeps older than the sweep `before`, newest first.

    Raises Invalid for a cursor of another list.
    """
    return fetch_newest(db, select(Sweep), Sweep.id, "swp", limit, before)


def trials(db: Session, id: str) -> list[TrialRows]:
    """The trials in the order of their numbers. Of a run there is what a sweep looks at."""
    looked_at = load_only(Run.status, Run.stop_reason, Run.metrics, Run.progress, Run.weights, raiseload=True)
    joined = select(SweepRun, Run).outerjoin(Run, Run.id == SweepRun.run).where(SweepRun.sweep == id)
    by_trial: dict[int, list[tuple[SweepRun, Run | None]]] = {}
    for of_trial, run in db.execute(joined.options(looked_at).order_by(SweepRun.trial, SweepRun.seed)):
        by_trial.setdefault(of_trial.trial, []).append((of_trial, run))
    tried = select(SweepTrial).where(SweepTrial.sweep == id).order_by(SweepTrial.number)
    return [TrialRows(trial, by_trial.get(trial.number, [])) for trial in db.scalars(tried)]


def add_trial(db: Session, id: str, number: int, params: dict[str, Any], refusal: dict[str, Any] | None) -> None:
    db.add(SweepTrial(sweep=id, number=number, params=params, refusal=refusal))
    db.flush()


def add_run(db: Session, id: str, trial: int, seed: int, run: str, rung: int) -> None:
    """Bind a run to a trial, up to a rung. A trial has one run for each seed, which the primary key holds."""
    db.add(SweepRun(sweep=id, trial=trial, seed=seed, run=run, rung=rung, told=False, values={}))
    db.flush()


def tell(db: Session, run: str, values: Mapping[str, float], outcome: str | None) -> None:
    """Record the result of a trial's run at its rung, or at its end."""
    _change(db, run, told=True, values=dict(values), outcome=outcome)


def untell(db: Session, run: str, values: Mapping[str, float]) -> None:
    """Await another result of a run that a user has resumed; `values` are those that stay."""
    _change(db, run, told=False, values=dict(values), outcome=None)


def promote(db: Session, run: str, rung: int, pause_epoch: int | None) -> None:
    """Let a run that waits at its rung go on to the next one. Raises Conflict if it does not wait any more."""
    request = db.execute(select(Run.request).where(Run.id == run)).scalar_one_or_none()
    runs.resume(db, run, request or {}, pause_epoch)  # a run that is gone cannot be resumed
    _change(db, run, told=False, rung=rung)


def _change(db: Session, run: str, **values: Any) -> None:
    changed_rows(db, update(SweepRun).where(SweepRun.run == run).values(**values))


def prune(db: Session, id: str) -> None:
    """End the runs that wait at a rung: other trials are better."""
    waiting = select(SweepRun.run).where(SweepRun.sweep == id)
    paused = update(Run).where(Run.id.in_(waiting), Run.status == RunStatus.PAUSED, Run.stop_reason == RUNG)
    ended = {"status": RunStatus.CANCELLED, "stop_reason": PRUNED, "finished_at": database_now(), "pause_epoch": None}
    pruned = paused.values(**ended).returning(Run.id).execution_options(synchronize_session=False)
    lost = list(db.scalars(pruned))
    told = update(SweepRun).where(SweepRun.run.in_(lost)).values(outcome=PRUNED, told=True)
    changed_rows(db, told)


def change(db: Session, id: str, **values: Any) -> None:
    """Change the sweep, which is due and goes on if it has ended. A worker that holds it loses its lease."""
    going_on = {"status": SweepStatus.RUNNING, "finished_at": None, "error": None, "chosen": None}
    released = {"attempt": Sweep.attempt + 1, "deaths": 0, "due_at": database_now(), **sweep_claims.RELEASED}
    changed_rows(db, update(Sweep).where(Sweep.id == id).values(**going_on, **released, **values))
    record(db, Action.SWEEP_CHANGE, id)


def cancel(db: Session, id: str, now: Now) -> None:
    """Cancel a sweep that has not ended, with its runs. A worker that holds it loses its lease."""
    running = update(Sweep).where(Sweep.id == id, sweep_claims.is_running)
    if changed_rows(db, running.values(**sweep_claims.ended(SweepStatus.CANCELLED))) == 0:
        return
    record(db, Action.SWEEP_CANCEL, id)
    cancel_runs(db, id, now)


def cancel_runs(db: Session, id: str, now: Now) -> None:
    """Cancel the runs of a sweep that have not ended; those that wait at a rung are pruned."""
    prune(db, id)
    runs.cancel(db, Run.id.in_(select(SweepRun.run).where(SweepRun.sweep == id)), now)


def delete(db: Session, id: str) -> None:
    """Delete the sweep with its trials; their runs stay. Raises NotFound, Forbidden, and Conflict while it runs."""
    sweep = get_own(db, id)
    if sweep.status == SweepStatus.RUNNING:
        raise Conflict("sweep_is_running", sweep=id)
    db.execute(delete_rows(Sweep).where(Sweep.id == id))
    record(db, Action.SWEEP_DELETE, id)


def ended_for(db: Session, now: Now, seconds: float) -> list[str]:
    """Ids of the sweeps that ended so many seconds before `now`, oldest first."""
    return list(db.scalars(select(Sweep.id).where(Sweep.finished_at < now - seconds).order_by(Sweep.id)))


def count_trials(db: Session, ids: Collection[str]) -> dict[str, int]:
    """Number of trials of each sweep that has some."""
    counted = select(SweepTrial.sweep, func.count()).where(SweepTrial.sweep.in_(ids)).group_by(SweepTrial.sweep)
    return {sweep: count for sweep, count in db.execute(counted)}
