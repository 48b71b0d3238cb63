"""The queue of batches of predictions, in which owners take turns.

A batch gets its turn when it is queued: the one after the last open batch of its owner, and none that has passed. A
batch of a large dataset takes several turns, one for each `OF_A_TURN` inputs, so that its owner's next one waits while
others have as many inputs predicted. An owner who returns is not ahead of those who wait. (Start-time fair queueing,
https://doi.org/10.1109/90.649569. Lengths are in inputs and not in seconds, since they must be known before a batch
runs.)
"""

from typing import Any, ClassVar

from sqlalchemy import ColumnElement, and_, bindparam, func, or_, select
from sqlalchemy.orm import Session

from app.constants import BatchStatus
from app.messages import Message
from app.storage.database import database_now
from app.storage.datasets import advisory_lock
from app.storage.queue.claims import Claims, Key, Now, Values
from app.storage.tables import Batch
from app.storage.visibility import EVERYONES

OF_A_TURN = 10_000  # inputs; an upload has no more
OPEN = (BatchStatus.QUEUED, BatchStatus.RUNNING)


class BatchClaims(Claims[Batch]):
    """The queue of batches of predictions. A batch that is left begins again: predictions take little time."""

    table = Batch
    order = (Key(Batch.turn), Key(Batch.id))  # the keys of `ix_batches_open`
    held = Batch.status == BatchStatus.RUNNING
    CLAIMED: ClassVar[Values] = {"status": BatchStatus.RUNNING}
    LEFT: ClassVar[Values] = {"status": BatchStatus.QUEUED, "progress": {}, **Claims.RELEASED}

    # The condition of `ix_batches_open`. SQLite uses it only if the values are written out.
    is_open = Batch.status.in_(bindparam("open", OPEN, expanding=True, literal_execute=True))

    def claimable(self, now: Now) -> ColumnElement[bool]:
        expired = and_(self.held, Batch.lease_expires_at < now)
        return and_(self.is_open, or_(Batch.status == BatchStatus.QUEUED, expired))

    # The turn after those of a batch.
    behind = Batch.turn + 1 + (func.coalesce(Batch.source["inputs"].as_integer(), 1) - 1) // OF_A_TURN

    def next_turn(self, db: Session, owner: str) -> int:
        """The turn of a batch that the owner queues in this transaction."""
        advisory_lock(db, "turns of batches")
        first = select(func.min(Batch.turn)).where(self.is_open).scalar_subquery()
        after_own = select(func.max(self.behind)).where(self.is_open, Batch.owner == owner).scalar_subquery()
        present, own = db.execute(select(first, after_own), execution_options=EVERYONES).one()
        return max(present or 0, own or 0)

    def failed(self, error: dict[str, Any]) -> Values:
        known = {name: error[name] for name in ("message", "code", "params")}
        return {"status": BatchStatus.FAILED, "error": known, "finished_at": database_now(), **Claims.RELEASED}

    def fail(self, db: Session, id: str, attempt: int, reason: Message) -> None:
        """End the batch: its inputs cannot be predicted from."""
        self.write(db, id, attempt, **self.failed({"message": reason.text(), **reason.to_json()}))

    def succeed(self, db: Session, id: str, attempt: int, result: str, size: int, progress: dict[str, Any]) -> None:
        """End the batch: its table is the file `result`, of so many bytes."""
        values = {"status": BatchStatus.SUCCEEDED, "result": result, "bytes": size, "progress": progress}
        self.write(db, id, attempt, **values, finished_at=database_now(), **Claims.RELEASED)


batch_claims = BatchClaims()
