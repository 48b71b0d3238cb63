"""Runs as their users see them: created, found, listed, and asked to stop, go on or disappear."""

import heapq
from collections.abc import Collection
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, and_, func, or_, select, update
from sqlalchemy.engine import CursorResult
from sqlalchemy.orm import Session

from app.constants import EXPERIMENT_TAG
from app.errors import Conflict, Invalid, NotFound
from app.storage.database import database_now
from app.storage.ids import new_id
from app.storage.queue.leases import NOBODYS, Now, held, waiting
from app.storage.tables import DELETED, ENDED, OPEN, CheckpointRow, Run

ENDS = {"succeeded": "has succeeded", "failed": "has failed", "cancelled": "has been cancelled"}


def create(
    db: Session,
    *,
    request: dict[str, Any],
    task: str,
    environment: dict[str, Any],
    warnings: list[dict[str, str]],
    fault: str | None = None,
) -> Run:
    """Queue a run for the request as resolved. From the commit on it is not lost."""
    run = Run(
        id=new_id("run"),
        name=request["name"],
        status="queued",
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
    """Raises NotFound."""
    run = db.get(Run, id)
    if run is None or run.status == DELETED:
        raise _unknown(id)
    return run


def status_phrase(status: str) -> str:
    """How a sentence about a run goes on."""
    return ENDS.get(status, f"is {status}")


def _unknown(id: str) -> NotFound:
    return NotFound(f"no run has the id {id!r}; GET /runs lists them")


def matching(
    now: Now, status: str | None = None, datasets: Collection[str] = (), tag: str | None = None
) -> ColumnElement[bool]:
    """The filter of a list, `status` as readers see it; `datasets` are ids, `tag` is `key:value`. Raises Invalid."""
    conditions: list[ColumnElement[bool]] = [Run.status != DELETED]
    if status is not None:
        if status not in (*OPEN, *ENDED):
            raise Invalid(f"no status is called {status!r}; there are {', '.join((*OPEN, *ENDED))}")
        conditions.append({"queued": waiting(now), "running": held(now)}.get(status, Run.status == status))
    if datasets:
        conditions.append(Run.dataset.in_(datasets))
    if tag is not None:
        key, colon, value = tag.partition(":")
        if not colon:
            raise Invalid("a tag is written key:value")
        conditions.append(Run.tags[key].as_string() == value)
    return and_(*conditions)


def page(db: Session, where: ColumnElement[bool], limit: int, before: str | None) -> list[Run]:
    """Up to `limit` runs older than the id `before`, newest first."""
    query = select(Run).where(where).order_by(Run.id.desc()).limit(limit)
    return list(db.scalars(query if before is None else query.where(Run.id < before)))


def queue_position(db: Session, run: Run, now: Now) -> int:
    """1 for the run that is taken next."""
    ahead = or_(Run.priority > run.priority, and_(Run.priority == run.priority, Run.id < run.id))
    return 1 + db.execute(select(func.count()).where(waiting(now), ahead)).scalar_one()


class Pace(NamedTuple):
    """How the queue moves: each run takes so many seconds, and those that train now end at these times."""

    each: float
    ends: list[float]

    def start(self, position: int) -> float:
        """When the run at this place in the queue begins."""
        ends = sorted(self.ends)  # which is a heap, too
        for _ in range(position - 1):
            heapq.heapreplace(ends, ends[0] + self.each)
        return ends[0]


def pace(db: Session, now: float) -> Pace | None:
    """If each run takes as long as the last twenty trained on average, those that run now as long as they say
    themselves, and as many run at once as run now; None before the first run has ended."""
    last = select(Run.progress["seconds"].as_float().label("trained")).where(Run.status == "succeeded")
    twenty = last.order_by(Run.finished_at.desc()).limit(20).subquery()
    each: float | None = db.execute(select(func.avg(twenty.c.trained))).scalar_one()
    if each is None:
        return None
    left, trained = Run.progress["eta_seconds"].as_float(), Run.progress["seconds"].as_float()
    running = db.execute(select(left, trained).where(held(now))).all()
    left_over = [max(0.0, each - (seconds or 0.0)) if eta is None else eta for eta, seconds in running]
    return Pace(each, [now + seconds for seconds in left_over] or [now])


def cancel(db: Session, where: ColumnElement[bool], now: Now) -> int:
    """Cancel: what waits at once, what runs between two steps; what has ended stays. Answers how many were open."""
    at_once = update(Run).where(where, or_(waiting(now), Run.status == "paused"))
    soon = update(Run).where(where, held(now))
    ended = {"status": "cancelled", "stop_reason": "cancelled", "finished_at": now}
    return rows(db, at_once.values(**ended, **NOBODYS)) + rows(db, soon.values(wanted="cancel"))


def pause(db: Session, id: str, now: Now) -> None:
    """Pause: checkpoints and gives the worker back. Raises Conflict for a run that has ended."""
    run = get(db, id)
    if run.status in ENDED:
        raise Conflict(f"the run {status_phrase(run.status)}; only a queued or running one can be paused")
    rows(db, update(Run).where(Run.id == id, waiting(now)).values(status="paused", **NOBODYS))
    rows(db, update(Run).where(Run.id == id, held(now), Run.wanted.is_(None)).values(wanted="pause"))


def resume(db: Session, id: str, request: dict[str, Any]) -> None:
    """Queue a paused or ended run again, with `request`; it goes on from its checkpoint, if there is one.

    Raises Conflict where another request has just done it.
    """
    values = {"status": "queued", "wanted": None, "stop_reason": None, "error": None, "finished_at": None, "deaths": 0}
    resumed = update(Run).where(Run.id == id, Run.status.in_(("paused", *ENDED)))
    if rows(db, resumed.values(request=request, **values)) != 1:
        raise Conflict("another request has resumed or deleted the run at this moment; GET it to see how it is now")


def checkpoints(db: Session, id: str) -> list[CheckpointRow]:
    """The run's checkpoints, oldest first."""
    return list(db.scalars(select(CheckpointRow).where(CheckpointRow.run == id).order_by(CheckpointRow.step)))


class Weights(NamedTuple):
    """What /predict has to know of a run: `weights` is the file to serve, None while there is none."""

    id: str
    status: str
    weights: str | None


def weights(db: Session, id: str) -> Weights:
    """Raises NotFound."""
    found = db.execute(select(Run.id, Run.status, Run.weights).where(Run.id == id)).one_or_none()
    if found is None or found.status == DELETED:
        raise _unknown(id)
    return Weights(*found)


def weights_file(run: str, attempt: int, step: int) -> str:
    """What the file is called that is served: its name says of which step it is."""
    return f"runs/{run}/{attempt}/weights-{step}.safetensors"


def step_of(weights: str) -> int:
    """The way back."""
    return int(weights.rpartition("-")[2].removesuffix(".safetensors"))


def checkpoint_weights(db: Session, id: str, step: int) -> Weights:
    """Those of a checkpoint. Raises NotFound, naming the steps there are."""
    run = get(db, id)
    files = {checkpoint.step: checkpoint.file for checkpoint in checkpoints(db, id)}
    if step not in files:
        there = ", ".join(str(step) for step in files) or "none yet"
        raise NotFound(f"the run {id} has no checkpoint of step {step}; there are {there}")
    return Weights(id, run.status, files[step])


def newest_weights(db: Session) -> Weights | None:
    """What /predict uses when nothing else is asked for: those of the run that succeeded last; never an experiment's,
    which may be wrong on purpose."""
    no_trial = Run.tags[EXPERIMENT_TAG].as_string().is_(None)
    query = select(Run.id, Run.status, Run.weights).where(Run.status == "succeeded", no_trial)
    found = db.execute(query.order_by(Run.finished_at.desc()).limit(1)).one_or_none()
    return None if found is None else Weights(*found)


def rows(db: Session, statement: Any) -> int:
    """Execute a change; answers how many rows it met."""
    result = db.execute(statement.execution_options(synchronize_session=False))
    assert isinstance(result, CursorResult)
    return result.rowcount
