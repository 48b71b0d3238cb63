"""Runs as their users see them: created, found, listed, cancelled, paused and resumed."""

from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, or_, select, update
from sqlalchemy.orm import Session

from app.constants import DELETED, ENDED, EXPERIMENT_TAG, RequestedAction, RunStatus
from app.errors import Conflict, Invalid, NotFound
from app.storage.database import changed_rows, database_now
from app.storage.ids import new_id
from app.storage.paging import Page, fetch_page
from app.storage.queue.claims import Now, run_claims
from app.storage.tables import CheckpointRow, Run
from app.storage.tags import has_tag

ENDS: dict[str, str] = {
    RunStatus.SUCCEEDED: "has succeeded",
    RunStatus.FAILED: "has failed",
    RunStatus.CANCELLED: "has been cancelled",
}


def create(
    db: Session,
    *,
    request: dict[str, Any],
    task: str,
    environment: dict[str, Any],
    warnings: list[dict[str, str]],
    fault: str | None = None,
) -> Run:
    """Queue a run for a resolved request. Once committed, it is not lost."""
    run = Run(
        id=new_id("run"),
        name=request["name"],
        status=RunStatus.QUEUED,
        task=task,
        dataset=request["dataset"],
        request=request,
        fault=fault,
        tags=request["tags"],
        priority=request["priority"],
        environment=environment,
        warnings=warnings,
        progress={},
        metrics={},
        attempt=0,
        deaths=0,
        created_at=db.execute(select(database_now())).scalar_one(),
    )
    db.add(run)
    db.flush()
    return run


def get(db: Session, id: str) -> Run:
    """The run with this id. Raises NotFound, also for a deleted run."""
    run = db.get(Run, id)
    if run is None or run.status == DELETED:
        raise _unknown(id)
    return run


def status_phrase(status: str) -> str:
    """Verb phrase for messages about a run: "is queued", "has failed"."""
    return ENDS.get(status, f"is {status}")


def _unknown(id: str) -> NotFound:
    return NotFound("no_such_run", run=id)


def matching(
    now: Now, status: RunStatus | None = None, datasets: Collection[str] = (), tags: Collection[str] = ()
) -> ColumnElement[bool]:
    """Condition of a list of runs: a status as readers see it, ids of datasets, and tags as `key:value`, of which a
    run must have all. Raises Invalid.

    A running run whose lease has expired counts as queued.
    """
    conditions: list[ColumnElement[bool]] = [Run.status != DELETED]
    if status is not None:
        by_lease = {RunStatus.QUEUED: run_claims.claimable(now), RunStatus.RUNNING: run_claims.leased(now)}
        conditions.append(by_lease.get(status, Run.status == status))
    if datasets:
        conditions.append(Run.dataset.in_(datasets))
    for tag in tags:
        key, colon, value = tag.partition(":")
        if not colon:
            raise Invalid("tag_malformed", "tag")
        conditions.append(has_tag(key, value))
    return and_(*conditions)


def page(db: Session, where: ColumnElement[bool], limit: int, before: str | None) -> Page[Run]:
    """Up to `limit` runs older than the run `before`, newest first."""
    query = select(Run).where(where).order_by(Run.id.desc())
    return fetch_page(db, query if before is None else query.where(Run.id < before), limit)


def cancel(db: Session, where: ColumnElement[bool], now: Now) -> int:
    """Cancel queued and paused runs at once, and ask the workers of running ones to; returns how many were open."""
    idle = update(Run).where(where, or_(run_claims.claimable(now), Run.status == RunStatus.PAUSED))
    running = update(Run).where(where, run_claims.leased(now))
    cancelled = {"status": RunStatus.CANCELLED, "stop_reason": "cancelled", "finished_at": now}
    at_once = changed_rows(db, idle.values(**cancelled, **run_claims.RELEASED))
    return at_once + changed_rows(db, running.values(requested_action=RequestedAction.CANCEL))


def pause(db: Session, id: str, now: Now) -> None:
    """Pause a queued run at once, and ask the worker of a running one to checkpoint it and give it back.

    Raises Conflict for a run that has ended.
    """
    run = get(db, id)
    if run.status in ENDED:
        raise Conflict("run_has_ended", status=run.status, phrase=status_phrase(run.status))
    queued = update(Run).where(Run.id == id, run_claims.claimable(now))
    running = update(Run).where(Run.id == id, run_claims.leased(now), Run.requested_action.is_(None))
    changed_rows(db, queued.values(status=RunStatus.PAUSED, **run_claims.RELEASED))
    changed_rows(db, running.values(requested_action=RequestedAction.PAUSE))


def resume(db: Session, id: str, request: dict[str, Any]) -> None:
    """Queue a paused or ended run again, with `request`. It continues from its checkpoint if it has one.

    Raises Conflict if another request has resumed or deleted it meanwhile.
    """
    resumable = update(Run).where(Run.id == id, Run.status.in_((RunStatus.PAUSED, *ENDED)))
    values = {"status": RunStatus.QUEUED, "requested_action": None, "deaths": 0}
    undone = {"stop_reason": None, "error": None, "finished_at": None}
    if changed_rows(db, resumable.values(request=request, **values, **undone)) != 1:
        raise Conflict("resume_race", run=id)


def checkpoints(db: Session, id: str) -> list[CheckpointRow]:
    """The run's checkpoints, oldest first."""
    return list(db.scalars(select(CheckpointRow).where(CheckpointRow.run == id).order_by(CheckpointRow.step)))


class Weights(NamedTuple):
    """A run to predict with: `weights` is the file to serve, None while there is none."""

    id: str
    status: str
    weights: str | None


def weights(db: Session, id: str) -> Weights:
    """The weights of a run. Raises NotFound."""
    run = db.execute(select(Run.id, Run.status, Run.weights).where(Run.id == id)).one_or_none()
    if run is None or run.status == DELETED:
        raise _unknown(id)
    return Weights(*run)


def weights_file(run: str, attempt: int, step: int) -> str:
    """Name of the file with the weights after `step`."""
    return f"runs/{run}/{attempt}/weights-{step}.safetensors"


def step_of(weights_file: str) -> int:
    """Step number encoded in the name of a weights file."""
    return int(weights_file.rpartition("-")[2].removesuffix(".safetensors"))


def checkpoint_weights(db: Session, id: str, step: int) -> Weights:
    """The weights of a checkpoint. Raises NotFound, naming the steps that have one."""
    run = get(db, id)
    files = {checkpoint.step: checkpoint.file for checkpoint in checkpoints(db, id)}
    if step not in files:
        raise NotFound("no_such_checkpoint", run=id, step=step, steps=list(files))
    return Weights(id, run.status, files[step])


def newest_weights(db: Session) -> Weights | None:
    """The weights of the run that succeeded last, which /predict uses by default; None if there is none.

    Trials of experiments do not count: some are wrong on purpose.
    """
    is_no_trial = Run.tags[EXPERIMENT_TAG].as_string().is_(None)
    query = select(Run.id, Run.status, Run.weights).where(Run.status == RunStatus.SUCCEEDED, is_no_trial)
    run = db.execute(query.order_by(Run.finished_at.desc()).limit(1)).one_or_none()
    return None if run is None else Weights(*run)
