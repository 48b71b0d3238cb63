"""The queue: workers claim rows under a lease and write to them under a fence.

A row is its own job: a run is trained, a dataset is imported. Time is an argument wherever it decides something
(`now`: the database's clock in the service, a number in tests). The attempt is the fencing token: every write of a
worker carries `fence` in its WHERE clause. A row count of 0 means that the lease is lost and nothing was changed.
"""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar, Generic, NamedTuple, TypeVar

from sqlalchemy import ColumnElement, and_, exists, false, func, or_, select, update
from sqlalchemy.orm import InstrumentedAttribute, Session
from sqlalchemy.sql.functions import FunctionElement

from app.constants import RunStatus
from app.storage.database import changed_rows
from app.storage.tables import Claimable
from app.storage.visibility import EVERYONES

OPEN = (RunStatus.QUEUED, RunStatus.RUNNING)
MAX_DEATHS = 3  # of child processes in a row, after which a job fails

Now = float | FunctionElement[float]
Values = dict[str, Any]  # by the names of columns
Row = TypeVar("Row", bound=Claimable)


class LeaseLost(Exception):
    """The attempt no longer holds its row: another one does, or a user has ended the job. Leave it."""


class Group(NamedTuple):
    """Limits of the rows that one process does together: their number, and the processes that share those waiting."""

    most: int
    processes: int


class Key(NamedTuple):
    """A sort key of the order of claiming: a column that is never NULL."""

    column: InstrumentedAttribute[Any]
    descending: bool = False

    def ordering(self) -> ColumnElement[Any]:
        """The ORDER BY clause."""
        ordering: ColumnElement[Any] = self.column.desc() if self.descending else self.column.asc()
        return ordering

    def precedence(self) -> ColumnElement[Any]:
        """The column as a number; less means earlier."""
        precedence: ColumnElement[Any] = -self.column if self.descending else self.column.expression
        return precedence

    def precedence_of(self, row: Claimable) -> float:
        value: float = getattr(row, self.column.key)
        return -value if self.descending else value

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

    def has_claimable(self, now: Now) -> ColumnElement[bool]:
        """Condition: there is a row to claim. Takes no lock."""
        return exists(select(self.table.id).where(self.claimable(now)))

    def any_claimable(self, db: Session, now: Now) -> bool:
        """True if there is a row to claim. Takes no lock."""
        return bool(db.scalar(select(self.has_claimable(now))))

    def claim(self, db: Session, worker: str, now: Now, lease_seconds: float) -> Row | None:
        """Claim the first row in the order for `lease_seconds`; None if there is none."""
        return self._claim_first(db, self.claimable(now), worker, now, lease_seconds)

    def claim_together(
        self,
        db: Session,
        worker: str,
        now: Now,
        lease_seconds: float,
        group: Group,  # noqa: ARG002
    ) -> list[Row]:
        """Claim the first row, and the rows that its process does with it; [] if there is none."""
        row = self.claim(db, worker, now, lease_seconds)
        return [] if row is None else [row]

    def _claim_first(
        self, db: Session, claimable: ColumnElement[bool], worker: str, now: Now, lease_seconds: float
    ) -> Row | None:
        first = (
            select(self.table.id)
            .where(claimable)
            .order_by(*self._ordering())
            .limit(1)
            .with_for_update(skip_locked=True)
            .scalar_subquery()
        )
        return next(iter(self._take(db, self.table.id == first, worker, now, lease_seconds)), None)

    def _take(
        self, db: Session, where: ColumnElement[bool], worker: str, now: Now, lease_seconds: float
    ) -> Sequence[Row]:
        """Let the worker hold the rows that match, which no other transaction can take."""
        lease: Values = {"worker": worker, "attempt": self.table.attempt + 1, "lease_expires_at": now + lease_seconds}
        return db.scalars(
            update(self.table)
            .where(where)
            .values(**self.CLAIMED | lease)
            .returning(self.table)
            .execution_options(synchronize_session=False)
        ).all()

    def position(self, db: Session, row: Row, now: Now) -> int:
        """The row's position among the claimable ones, from 1 for the row that is claimed next."""
        return 1 + self._count(db, self.claimable(now), self._precedes(row, self.order))

    def _ordering(self) -> list[ColumnElement[Any]]:
        return [key.ordering() for key in self.order]

    def _precedes(self, row: Row, order: Sequence[Key]) -> ColumnElement[bool]:
        """Condition: a row comes before this one in the order."""
        equal: list[ColumnElement[bool]] = []
        ahead: list[ColumnElement[bool]] = []
        for key in order:
            value = getattr(row, key.column.key)
            ahead.append(and_(*equal, key.precedes(value)))
            equal.append(key.column == value)
        return or_(*ahead)

    def _count(self, db: Session, *where: ColumnElement[bool]) -> int:
        counted = select(func.count()).select_from(self.table).where(*where)
        return db.execute(counted, execution_options=EVERYONES).scalar_one()

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
