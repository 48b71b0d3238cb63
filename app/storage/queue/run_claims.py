"""The queue of runs, in which owners take turns."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, ClassVar

from sqlalchemy import ColumnElement, Subquery, and_, bindparam, case, func, or_, select, tuple_
from sqlalchemy.orm import Session

from app.constants import RUNG, STATUS_AFTER, RequestedAction, RunStatus
from app.storage.database import database_now
from app.storage.queue import turns
from app.storage.queue.claims import OPEN, Claims, Group, Key, Now, Values
from app.storage.queue.turns import Line, Turn
from app.storage.tables import Run
from app.storage.visibility import EVERYONES

Place = tuple[str, float, int]  # of a waiting run: its owner, precedence, and rank within these


class RunClaims(Claims[Run]):
    """The queue of runs. Owners take turns within the first key of the order; the others decide within an owner.

    A new checkpoint resets the count of deaths.
    """

    table = Run
    # `ix_runs_open` has the same keys, after the owner.
    order = (Key(Run.priority, descending=True), Key(Run.id))
    is_cancelled = Run.requested_action == RequestedAction.CANCEL
    CLAIMED: ClassVar[Values] = {
        "status": RunStatus.RUNNING,
        "started_at": func.coalesce(Run.started_at, database_now()),
    }
    RELEASED: ClassVar[Values] = {"requested_action": None, **Claims.RELEASED}
    # The row decides, not the command that the child followed: a cancel may arrive while the run is being paused.
    LEFT: ClassVar[Values] = {
        "status": case(
            {action.value: status.value for action, status in STATUS_AFTER.items()},
            value=Run.requested_action,
            else_=RunStatus.QUEUED.value,
        ),
        "stop_reason": case((is_cancelled, "cancelled"), else_=Run.stop_reason),
        "finished_at": case((is_cancelled, database_now()), else_=Run.finished_at),
        **RELEASED,
    }

    # Of a run that has reached its `pause_epoch`: its sweep decides if it goes on. A cancel counts all the same.
    AT_RUNG: ClassVar[Values] = {
        **LEFT,
        "status": case((is_cancelled, RunStatus.CANCELLED.value), else_=RunStatus.PAUSED.value),
        "stop_reason": case((is_cancelled, "cancelled"), else_=RUNG),
    }

    # The conditions of `ix_runs_open`, `ix_runs_running` and `ix_runs_stack`. SQLite uses them only if the values are
    # written out.
    is_open = Run.status.in_(bindparam("open", OPEN, expanding=True, literal_execute=True))
    held = Run.status == bindparam("running", RunStatus.RUNNING, literal_execute=True)
    is_queued = Run.status == bindparam("queued", RunStatus.QUEUED, literal_execute=True)

    def claimable(self, now: Now) -> ColumnElement[bool]:
        return and_(self.is_open, or_(Run.status == RunStatus.QUEUED, and_(self.held, Run.lease_expires_at < now)))

    def claim(self, db: Session, worker: str, now: Now, lease_seconds: float) -> Run | None:
        for owner in self._owners_in_turn(db, now):
            of_owner = and_(self.claimable(now), Run.owner == owner)
            run = self._claim_first(db, of_owner, worker, now, lease_seconds)
            if run is not None:  # on Postgres, other workers may be claiming all runs of this owner
                return run
        return None

    def claim_together(self, db: Session, worker: str, now: Now, lease_seconds: float, group: Group) -> list[Run]:
        """Claim the run whose turn it is, and waiting runs of any owner that can train with it as one program.

        A run keeps the form in which it began, since its bits depend on it: a run that begins without companions never
        has some, and one that began with companions trains as a program of its own without them. A run whose process
        died gets none, so that it cannot take others with it.
        """
        run = self.claim(db, worker, now, lease_seconds)
        if run is None or run.stack is None:
            return [] if run is None else [run]
        companions = [] if run.deaths else self._companions(db, run.stack, group)
        if companions:
            return [run, *self._take(db, Run.id.in_(companions), worker, now, lease_seconds)]
        if "program" not in run.environment:
            self.write(db, run.id, run.attempt, stack=None)
            db.refresh(run)
        return [run]

    def _companions(self, db: Session, stack: str, group: Group) -> Sequence[str]:
        """Waiting runs of a program, first to last: one process's share."""
        waiting = select(Run.id).where(self.is_queued, Run.stack == stack, Run.deaths == 0)
        first = waiting.order_by(*self._ordering()).limit(group.most * group.processes - 1)
        ids = db.scalars(first.with_for_update(skip_locked=True), execution_options=EVERYONES).all()
        share = -(-(1 + len(ids)) // group.processes)
        return ids[: min(group.most, max(2, share)) - 1]

    def joins(self, db: Session, now: Now, stack: str) -> bool:
        """True if the run whose turn it is can join a program that trains. Takes no lock."""
        return self._joining(db, now, stack) is not None

    def claim_joining(self, db: Session, worker: str, now: Now, lease_seconds: float, stack: str) -> Run | None:
        """Claim the run whose turn it is for a program that trains; None if it cannot join it."""
        id = self._joining(db, now, stack)
        taken = [] if id is None else self._take(db, and_(Run.id == id, self.is_queued), worker, now, lease_seconds)
        return next(iter(taken), None)

    def _joining(self, db: Session, now: Now, stack: str) -> str | None:
        """The run whose turn it is, if it can join a program that trains."""
        owners = self._owners_in_turn(db, now)
        if not owners:
            return None
        next_of_owner = select(Run.id, Run.stack, Run.status, Run.deaths).where(
            self.claimable(now), Run.owner == owners[0]
        )
        first = db.execute(next_of_owner.order_by(*self._ordering()).limit(1)).one_or_none()
        if first is None or (first.stack, first.status, first.deaths) != (stack, RunStatus.QUEUED, 0):
            return None
        id: str = first.id
        return id

    def _owners_in_turn(self, db: Session, now: Now) -> list[str]:
        """The owners of waiting runs, the one whose turn it is first."""
        heads = self._heads(db, now)
        if len(heads) > 1:
            service = turns.service(db, self.leased(now))
            heads.sort(key=lambda head: service.turn(*head))
        return [owner for owner, _ in heads]

    def _heads(self, db: Session, now: Now) -> list[tuple[str, float]]:
        """The owners of waiting runs, with the precedence of the first run of each."""
        owners = turns.owners(self.is_open)
        first = select(self.order[0].precedence()).where(self.claimable(now), Run.owner == owners.c.owner)
        head = first.order_by(*self._ordering()).limit(1).scalar_subquery().label("head")
        rows = db.execute(select(owners.c.owner, head).where(owners.c.owner.is_not(None)), execution_options=EVERYONES)
        return [(owner, precedence) for owner, precedence in rows if precedence is not None]

    def gives_way(self, db: Session, id: str, now: Now) -> bool:
        """True if another owner's run would be claimed before this one, which trains, if this one waited."""
        run = db.get_one(Run, id)
        others = [head for head in self._heads(db, now) if head[0] != run.owner]
        if not others:
            return False
        service = turns.service(db, self.leased(now))
        own = service.turn(run.owner, self.order[0].precedence_of(run))
        as_if_it_waited = own._replace(served=own.served - service.mean)
        return min(service.turn(*head) for head in others) < as_if_it_waited

    def position(self, db: Session, row: Run, now: Now) -> int:
        return self.positions(db, [row], now)[row.id]

    def positions(self, db: Session, rows: Sequence[Run], now: Now) -> dict[str, int]:
        """The position of each of these waiting runs, by its id."""
        lines, ranks = self.lines(db, now), self._ranks(db, rows, now)
        return {row.id: 1 + turns.ahead(lines, self._turn(lines, ranks, row)) for row in rows}

    def lines(self, db: Session, now: Now) -> list[Line]:
        """All waiting runs."""
        precedence = self.order[0].precedence().label("precedence")
        counted = select(Run.owner, precedence, func.count()).where(self.claimable(now))
        counts = db.execute(counted.group_by(Run.owner, precedence), execution_options=EVERYONES).all()
        service = turns.service(db, self.leased(now))
        return [service.line(*line) for line in counts]

    def at(self, db: Session, now: Now, places: Collection[Place]) -> dict[str, Place]:
        """The places at which a run waits, by its id."""
        ranked = self._ranked(now, {owner for owner, _, _ in places})
        columns = ranked.c.owner, ranked.c.precedence, ranked.c.rank
        chosen = select(ranked.c.id, *columns).where(tuple_(*columns).in_(list(places)))
        return {id: tuple(place) for id, *place in db.execute(chosen, execution_options=EVERYONES)}

    def _ranks(self, db: Session, rows: Sequence[Run], now: Now) -> dict[str, int]:
        """The rank in its line of each of these runs that still waits, by its id."""
        ranked = self._ranked(now, {row.owner for row in rows})
        chosen = select(ranked.c.id, ranked.c.rank).where(ranked.c.id.in_([row.id for row in rows]))
        return {id: rank for id, rank in db.execute(chosen, execution_options=EVERYONES)}

    def _ranked(self, now: Now, owners: Collection[str]) -> Subquery:
        """The waiting runs of these owners with their places."""
        precedence = self.order[0].precedence().label("precedence")
        line, within = (Run.owner, self.order[0].precedence()), self._ordering()[1:]
        rank = (func.row_number().over(partition_by=line, order_by=within) - 1).label("rank")
        return select(Run.id, Run.owner, precedence, rank).where(self.claimable(now), Run.owner.in_(owners)).subquery()

    def _turn(self, lines: Sequence[Line], ranks: Mapping[str, int], row: Run) -> Turn:
        key = row.owner, self.order[0].precedence_of(row)
        line = next((line for line in lines if (line.owner, line.precedence) == key), None)
        if line is None or row.id not in ranks:  # it has just been claimed
            return turns.AT_ONCE
        return line.turn(ranks[row.id])

    def failed(self, error: dict[str, Any]) -> Values:
        return self.ended(RunStatus.FAILED, error=error)

    def requested_action(self, db: Session, id: str, attempt: int) -> RequestedAction | None:
        """The action that a user has requested of the running attempt; raises LeaseLost."""
        [action] = self.read(db, id, attempt, Run.requested_action)
        return None if action is None else RequestedAction(action)

    def end(self, db: Session, id: str, attempt: int, status: RunStatus, **result: Any) -> None:
        """End the run with its result."""
        self.write(db, id, attempt, **self.ended(status, **result))

    def ended(self, status: RunStatus, **result: Any) -> Values:
        """Values of a run that has ended with `result`; it keeps the name of its worker."""
        ended = {"requested_action": None, "lease_expires_at": None, "finished_at": database_now()}
        return {"status": status, **ended, **result}


run_claims = RunClaims()
