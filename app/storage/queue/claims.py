"""The queue: workers claim rows under a lease and write to them under a fence.

A row is its own job: a run is trained, a dataset is imported. Time is an argument wherever it decides something
(`now`: the database's clock in the service, a number in tests). The attempt is the fencing token: every write of a
worker carries `fence` in its WHERE clause. A row count of 0 means that the lease is lost and nothing was changed.
"""

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, and_, bindparam, case, false, func, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql.functions import FunctionElement

from app.constants import STATUS_AFTER, DatasetStatus, RequestedAction, RunStatus
from app.messages import Message
from app.storage.database import changed_rows, database_now
from app.storage.tables import Claimable, Dataset, Run

OPEN = (RunStatus.QUEUED, RunStatus.RUNNING)
MAX_DEATHS = 3  # of child processes in a row, after which a job fails

Now = float | FunctionElement[float]
Values = dict[str, Any]  # by the names of columns
Row = TypeVar("Row", bound=Claimable)


class LeaseLost(Exception):
    """The attempt no longer holds its row: another one does, or a user has ended the job. Leave it."""


class Key(NamedTuple):
    """A sort key of the order of claiming: a column that is never NULL."""

    column: InstrumentedAttribute[Any]
    descending: bool = False

    def ordering(self) -> ColumnElement[Any]:
        """The ORDER BY clause."""
        ordering: ColumnElement[Any] = self.column.desc() if self.descending else self.column.asc()
        return ordering

    def precedes(self, value: Any) -> ColumnElement[bool]:
        """Condition: the row's key comes before `value`."""
        condition: ColumnElement[bool] = self.column > value if self.descending else self.column < value
        return condition


class Claims(ABC, Generic[Row]):
    """The queue of one table. A subclass gives the conditions and values in which the tables differ."""

    table: type[Row]
    order: tuple[Key, ...]  # of claiming, first to last; the last key is unique
    held: ColumnElement[bool]  # condition: a worker holds the row, even if its lease has expired
    is_cancelled: ColumnElement[bool] = false()  # condition: its user has asked to cancel what a worker still holds
    CLAIMED: ClassVar[Values] = {}  # what a claim sets besides worker, attempt and lease
    RELEASED: ClassVar[Values] = {"worker": None, "lease_expires_at": None}  # of a row that no worker holds
    LEFT: ClassVar[Values] = RELEASED  # of a row whose worker leaves its job unfinished

    @abstractmethod
    def claimable(self, now: Now) -> ColumnElement[bool]:
        """Condition: a worker may claim the row, since none holds it or the holder's lease has expired."""

    @abstractmethod
    def failed(self, error: dict[str, Any]) -> Values:
        """Values of a job that has failed with `error` (type, message, trace, and the message as code and params)."""

    def leased(self, now: Now) -> ColumnElement[bool]:
        """Condition: a worker holds the row, under a lease that has not expired."""
        return and_(self.held, self.table.lease_expires_at >= now)

    def fence(self, id: str, attempt: int) -> ColumnElement[bool]:
        """Condition: this attempt still holds the row."""
        return and_(self.table.id == id, self.table.attempt == attempt, self.held)

    def any_claimable(self, db: Session, now: Now) -> bool:
        """True if there is a row to claim. Takes no lock."""
        return db.execute(select(self.table.id).where(self.claimable(now)).limit(1)).first() is not None

    def claim(self, db: Session, worker: str, now: Now, lease_seconds: float) -> Row | None:
        """Claim the first row in the order for `lease_seconds`; None if there is none."""
        first = (
            select(self.table.id)
            .where(self.claimable(now))
            .order_by(*(key.ordering() for key in self.order))
            .limit(1)
            .with_for_update(skip_locked=True)
            .scalar_subquery()
        )
        lease: Values = {"worker": worker, "attempt": self.table.attempt + 1, "lease_expires_at": now + lease_seconds}
        return db.scalars(
            update(self.table)
            .where(self.table.id == first)
            .values(**self.CLAIMED | lease)
            .returning(self.table)
            .execution_options(synchronize_session=False)
        ).one_or_none()

    def position(self, db: Session, row: Row, now: Now) -> int:
        """The row's position among the claimable ones, from 1 for the row that is claimed next."""
        equal: list[ColumnElement[bool]] = []
        ahead: list[ColumnElement[bool]] = []
        for key in self.order:
            value = getattr(row, key.column.key)
            ahead.append(and_(*equal, key.precedes(value)))
            equal.append(key.column == value)
        return 1 + db.execute(select(func.count()).where(self.claimable(now), or_(*ahead))).scalar_one()

    def read(self, db: Session, id: str, attempt: int, *columns: Any) -> Any:
        """Columns of the row that this attempt holds; raises LeaseLost."""
        values = db.execute(select(*columns).where(self.fence(id, attempt))).one_or_none()
        if values is None:
            raise _lost(id, attempt)
        return values

    def write(self, db: Session, id: str, attempt: int, **values: Any) -> None:
        """Change the row that this attempt holds; raises LeaseLost, which rolls the transaction back."""
        if changed_rows(db, update(self.table).where(self.fence(id, attempt)).values(**values)) != 1:
            raise _lost(id, attempt)

    def renew(self, db: Session, id: str, attempt: int, now: Now, lease_seconds: float) -> None:
        """Extend the lease: the heartbeat."""
        self.write(db, id, attempt, lease_expires_at=now + lease_seconds)

    def give_back(self, db: Session, id: str, attempt: int) -> None:
        """Leave the job to the next worker: this one stops, or cannot continue for a reason outside the job."""
        self.write(db, id, attempt, **self.LEFT)

    def child_died(self, db: Session, id: str, attempt: int, error: dict[str, Any]) -> None:
        """Record that the child process died without ending its job: the job is retried, or fails with `error` at the
        third death in a row. A job that its user has cancelled never fails."""
        deaths, is_cancelled = self.read(db, id, attempt, self.table.deaths, self.is_cancelled)
        fails = deaths + 1 >= MAX_DEATHS and not is_cancelled
        self.write(db, id, attempt, deaths=deaths + 1, **(self.failed(error) if fails else self.LEFT))

    def release_worker(self, db: Session, worker: str) -> int:
        """Leave all jobs of a dead worker to the others; returns how many there were."""
        return changed_rows(db, update(self.table).where(self.table.worker == worker, self.held).values(**self.LEFT))


def _lost(id: str, attempt: int) -> LeaseLost:
    return LeaseLost(f"{id}: attempt {attempt} no longer holds the lease")


class RunClaims(Claims[Run]):
    """The queue of runs. A new checkpoint resets the count of deaths."""

    table = Run
    order = (Key(Run.priority, descending=True), Key(Run.id))  # `ix_runs_open` has the same
    held = Run.status == RunStatus.RUNNING
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

    def claimable(self, now: Now) -> ColumnElement[bool]:
        is_queued = Run.status == RunStatus.QUEUED
        # The condition of `ix_runs_open`. SQLite uses the index only if the values are written out.
        is_open = Run.status.in_(bindparam("open", OPEN, expanding=True, literal_execute=True))
        return and_(is_open, or_(is_queued, and_(self.held, Run.lease_expires_at < now)))

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


class ImportClaims(Claims[Dataset]):
    """The queue of imports. A dataset is `importing` from its upload on; a row without a worker is unclaimed.

    The fence asks for a worker too: an attempt that gave its row back can change nothing, even before the next claim.
    """

    table = Dataset
    order = (Key(Dataset.id),)
    held = and_(Dataset.status == DatasetStatus.IMPORTING, Dataset.worker.is_not(None))
    ENDED: ClassVar[Values] = {"progress": {}, **Claims.RELEASED}

    def claimable(self, now: Now) -> ColumnElement[bool]:
        is_free = or_(Dataset.worker.is_(None), Dataset.lease_expires_at < now)
        return and_(Dataset.status == DatasetStatus.IMPORTING, is_free)

    def failed(self, error: dict[str, Any]) -> Values:
        failure = {"code": error["code"], "params": error["params"]}
        return {
            "status": DatasetStatus.FAILED,
            "error": error["message"],
            "about": {"failure": failure},
            **self.ENDED,
        }

    def fail(self, db: Session, id: str, attempt: int, reason: Message) -> None:
        """End the import: the upload cannot become a dataset."""
        self.write(db, id, attempt, **self.failed({"message": reason.text(), **reason.to_json()}))

    def succeed(
        self, db: Session, id: str, attempt: int, folder: str, about: dict[str, Any], skipped: list[dict[str, str]]
    ) -> None:
        """End the import: the arrays are in `folder`, and readers use them from now on."""
        values = {"status": DatasetStatus.READY, "folder": folder, "about": about, "skipped": skipped}
        self.write(db, id, attempt, **values, **self.ENDED)


run_claims = RunClaims()
import_claims = ImportClaims()
