"""Runs as their users see them: created, found, listed, cancelled, paused and resumed."""

from collections.abc import Collection, Iterator
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Update, and_, exists, null, or_, select, update
from sqlalchemy.orm import Session, load_only

from app.constants import DELETED, ENDED, TRIAL_TAGS, RequestedAction, RunStatus
from app.errors import Conflict, Invalid, NotFound
from app.storage.audit import Action, record
from app.storage.database import Database, changed_rows, database_now
from app.storage.ids import new_id
from app.storage.paging import Page
from app.storage.queue import turns
from app.storage.queue.claims import Now
from app.storage.queue.run_claims import run_claims
from app.storage.run_order import NEWEST_FIRST, RunOrder
from app.storage.tables import WITHOUT_EVALUATION, CheckpointRow, CurveChunk, Run, RunEvent
from app.storage.tags import has_tag
from app.storage.visibility import caller_of, is_own, require_own

PAGE = 200  # runs that a long reading loads at once
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
    stack: str | None = None,
    pause_epoch: int | None = None,
) -> Run:
    """Queue a run for a resolved request. Once committed, it is not lost. Runs with the same `stack` can train as one
    program."""
    run = Run(
        id=new_id("run"),
        owner=caller_of(db).owner,
        name=request["name"],
        status=RunStatus.QUEUED,
        task=task,
        dataset=request["dataset"],
        request=request,
        fault=fault,
        stack=stack,
        tags=request["tags"],
        priority=request["priority"],
        pause_epoch=pause_epoch,
        environment=environment,
        warnings=warnings,
        progress={},
        metrics={},
        attempt=0,
        deaths=0,
        bytes=0,
        created_at=db.execute(select(database_now())).scalar_one(),
    )
    db.add(run)
    db.flush()
    record(db, Action.RUN_CREATE, run.id)
    turns.join(db, run.owner, run.id, run_claims.is_open)
    return run


def get(db: Session, id: str) -> Run:
    """The run with this id. Raises NotFound, also for a deleted run."""
    run = db.get(Run, id)
    if run is None or run.status == DELETED:
        raise _unknown(id)
    return run


def names(db: Session, ids: Collection[str]) -> dict[str, str]:
    """Names of runs by their ids; the id stands for a run without a name."""
    query = select(Run.id, Run.name).where(Run.id.in_(ids), Run.status != DELETED)
    return {id: name or id for id, name in db.execute(query)}


def get_own(db: Session, id: str) -> Run:
    """The run with this id, to be changed: no other request changes it before this transaction ends.

    Raises NotFound, and Forbidden for another owner's.
    """
    run = db.scalars(select(Run).where(Run.id == id).with_for_update()).one_or_none()
    if run is None or run.status == DELETED:
        raise _unknown(id)
    require_own(db, run)
    return run


def lock_own(db: Session, ids: Collection[str]) -> list[Run]:
    """The runs with these ids that the caller may change, without deleted ones; locked as by `get_own`."""
    own = select(Run).where(Run.id.in_(ids), Run.status != DELETED, is_own(db, Run))
    return list(db.scalars(own.with_for_update()))


def status_phrase(status: str) -> str:
    """Verb phrase for messages about a run: "is queued", "has failed"."""
    return ENDS.get(status, f"is {status}")


def _unknown(id: str) -> NotFound:
    return NotFound("no_such_run", run=id)


def matching(
    now: Now,
    status: RunStatus | None = None,
    datasets: Collection[str] = (),
    tags: Collection[str] = (),
    owner: str | None = None,
    name: str | None = None,
    ended_for: float | None = None,
) -> ColumnElement[bool]:
    """Condition of a list of runs: a status as readers see it, ids of datasets, tags as `key:value`, of which a run
    must have all, an owner, a part of the name, and the seconds since the end. Raises Invalid.

    A running run whose lease has expired counts as queued.
    """
    conditions: list[ColumnElement[bool]] = [Run.status != DELETED]
    if status is not None:
        conditions.append(has_status(status, now))
    if datasets:
        conditions.append(Run.dataset.in_(datasets))
    if owner is not None:
        conditions.append(Run.owner == owner)
    for tag in tags:
        key, colon, value = tag.partition(":")
        if not colon:
            raise Invalid("tag_malformed", "tag")
        conditions.append(has_tag(key, value))
    if name is not None:
        conditions.append(Run.name.icontains(name, autoescape=True))
    if ended_for is not None:
        conditions.append(Run.finished_at < now - ended_for)
    return and_(*conditions)


def has_status(status: RunStatus, now: Now) -> ColumnElement[bool]:
    """Condition of the runs with a status as readers see it: a running run whose lease has expired is queued."""
    by_lease = {RunStatus.QUEUED: run_claims.claimable(now), RunStatus.RUNNING: run_claims.leased(now)}
    return by_lease.get(status, Run.status == status)


def has_curve(where: ColumnElement[bool]) -> ColumnElement[bool]:
    """Condition of the matching runs that have at least one point of their curves."""
    return and_(where, exists().where(CurveChunk.run == Run.id))


def page(
    db: Session, where: ColumnElement[bool], limit: int, cursor: str | None = None, order: RunOrder = NEWEST_FIRST
) -> Page[Run]:
    """Up to `limit` runs in the order, after the cursor, without their evaluations. Raises Invalid for a cursor of
    another order."""
    query = select(Run, null() if order.value is None else order.value).where(where).options(WITHOUT_EVALUATION)
    rows: list[Any] = []
    for section in order.sections(cursor):
        wanted = limit + 1 - len(rows)  # one more, to know whether more follow
        if wanted:
            rows += db.execute(query.where(section.holds).order_by(*section.ordering).limit(wanted)).all()
    last = rows[limit - 1] if len(rows) > limit else None
    return Page([run for run, _ in rows[:limit]], None if last is None else order.cursor(last[0].id, last[1]))


def newest(db: Session, where: ColumnElement[bool], limit: int) -> list[Run]:
    """Up to `limit` matching runs, newest first."""
    return list(db.scalars(select(Run).where(where).order_by(Run.id.desc()).limit(limit)))


def pages(database: Database, where: ColumnElement[bool], order: RunOrder) -> Iterator[list[Run]]:
    """All runs in the order, page by page. Each page is its own transaction, so that a slow reader blocks no writer."""
    cursor: str | None = None
    while True:
        with database.read() as db:
            found = page(db, where, PAGE, cursor, order)
        yield found.items
        if (cursor := found.next) is None:
            return


def states(db: Session, where: ColumnElement[bool], limit: int | None = None) -> list[Run]:
    """The matching runs, newest first, with what changes while they train. The rest of a row, such as the evaluation,
    takes longer to read than all of this."""
    changing = load_only(Run.status, Run.attempt, Run.lease_expires_at, Run.progress, Run.metrics, raiseload=True)
    query = select(Run).options(changing).where(Run.status != DELETED, where)
    return list(db.scalars(query.order_by(Run.id.desc()).limit(limit)))


def relabel(db: Session, run: Run, name: str | None, tags: dict[str, str]) -> None:
    """Give the run a name and tags, also in its request, which others repeat. The transaction must have locked it."""
    run.name, run.tags, run.request = name, tags, run.request | {"name": name, "tags": tags}
    db.flush()
    record(db, Action.RUN_CHANGE, run.id)


def cancel(db: Session, where: ColumnElement[bool], now: Now) -> int:
    """Cancel queued and paused runs at once, and ask the workers of running ones to; returns how many were open."""
    idle = update(Run).where(where, or_(run_claims.claimable(now), Run.status == RunStatus.PAUSED))
    running = update(Run).where(where, run_claims.leased(now))
    cancelled = {"status": RunStatus.CANCELLED, "stop_reason": "cancelled", "finished_at": now}
    at_once = _changed_ids(db, idle.values(**cancelled, **run_claims.RELEASED))
    asked = _changed_ids(db, running.values(requested_action=RequestedAction.CANCEL))
    record(db, Action.RUN_CANCEL, *at_once, *asked)
    return len(at_once) + len(asked)


def _changed_ids(db: Session, statement: Update) -> list[str]:
    """Execute an update of runs; returns the ids of those that matched."""
    changed = statement.returning(Run.id).execution_options(synchronize_session=False)
    return list(db.scalars(changed))


def pause(db: Session, id: str, now: Now) -> None:
    """Pause a queued run at once, and ask the worker of a running one to checkpoint it and give it back.

    Raises NotFound, Forbidden, and Conflict for a run that has ended.
    """
    run = get_own(db, id)
    if run.status in ENDED:
        raise Conflict("run_has_ended", status=run.status, phrase=status_phrase(run.status))
    queued = update(Run).where(Run.id == id, run_claims.claimable(now))
    running = update(Run).where(Run.id == id, run_claims.leased(now), Run.requested_action.is_(None))
    changed_rows(db, queued.values(status=RunStatus.PAUSED, **run_claims.RELEASED))
    changed_rows(db, running.values(requested_action=RequestedAction.PAUSE))
    record(db, Action.RUN_PAUSE, id)


def resume(db: Session, id: str, request: dict[str, Any], pause_epoch: int | None = None) -> None:
    """Queue a paused or ended run again, with `request`. It continues from its checkpoint if it has one, and pauses
    after `pause_epoch`.

    Raises Conflict if another request has resumed or deleted it meanwhile.
    """
    resumable = update(Run).where(Run.id == id, Run.status.in_((RunStatus.PAUSED, *ENDED)))
    values = {"status": RunStatus.QUEUED, "requested_action": None, "deaths": 0, "pause_epoch": pause_epoch}
    undone = {"stop_reason": None, "error": None, "finished_at": None}
    if changed_rows(db, resumable.values(request=request, **values, **undone)) != 1:
        raise Conflict("resume_race", run=id)
    record(db, Action.RUN_RESUME, id)
    owner = db.execute(select(Run.owner).where(Run.id == id)).scalar_one()
    turns.join(db, owner, id, run_claims.is_open)


def add_test(db: Session, id: str, metrics: dict[str, Any], evaluation: dict[str, Any]) -> None:
    """Add the results on the test part to an ended run of a sweep, which has none of them."""
    run = db.scalars(select(Run).where(Run.id == id).with_for_update()).one_or_none()
    if run is not None:
        run.metrics, run.evaluation = run.metrics | {"test": metrics}, (run.evaluation or {}) | {"test": evaluation}
        db.flush()


def checkpoints(db: Session, id: str) -> list[CheckpointRow]:
    """The run's checkpoints, oldest first."""
    return list(db.scalars(select(CheckpointRow).where(CheckpointRow.run == id).order_by(CheckpointRow.step)))


def events(db: Session, id: str) -> list[RunEvent]:
    """The changes of the run's status and its attempts, oldest first."""
    return list(db.scalars(select(RunEvent).where(RunEvent.run == id).order_by(RunEvent.id)))


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


def served_file(run: Run) -> str:
    """The file of the weights that /predict uses. Raises NotFound while there is none."""
    if run.weights is None:
        raise NotFound("no_weights", status=run.status, phrase=status_phrase(run.status))
    return run.weights


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

    Trials do not count: some of experiments are wrong on purpose, and most of sweeps are worse than the best.
    """
    is_no_trial = and_(*(Run.tags[tag].as_string().is_(None) for tag in TRIAL_TAGS))
    query = select(Run.id, Run.status, Run.weights).where(Run.status == RunStatus.SUCCEEDED, is_no_trial)
    run = db.execute(query.order_by(Run.finished_at.desc()).limit(1)).one_or_none()
    return None if run is None else Weights(*run)
