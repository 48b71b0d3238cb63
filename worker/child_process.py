"""What a worker knows of its children, and the queues from which they come."""

import contextlib
import os
import signal
import time
from dataclasses import dataclass
from typing import IO, Literal, Protocol

from sqlalchemy.orm import Session

from app.storage.queue import imports, leases
from app.storage.queue.leases import Now
from app.storage.tables import Dataset, Run
from worker.protocol import CANCEL, HAND_BACK, PAUSE, PING

Kind = Literal["train", "import"]
# How long a child may take to obey before it is killed. An import has nothing to save: it is begun anew.
GRACE_SECONDS: dict[Kind, dict[bytes, float]] = {
    "train": {CANCEL: 0.8, PAUSE: 10.0, HAND_BACK: 10.0},
    "import": {HAND_BACK: 0.0},
}


class Queue(Protocol):
    """What is the same for runs and imports."""

    def any_free(self, db: Session, now: Now, /) -> bool: ...
    def claim(self, db: Session, worker: str, now: Now, lease_seconds: float, /) -> Run | Dataset | None: ...
    def renew(self, db: Session, id: str, attempt: int, now: Now, lease_seconds: float, /) -> None: ...
    def give_back(self, db: Session, id: str, attempt: int, now: Now, /) -> None: ...
    def release_worker(self, db: Session, worker: str, now: Now, /) -> int: ...


QUEUES: dict[Kind, Queue] = {"train": leases, "import": imports}


@dataclass
class Child:
    """A run or an import in a child process. `deadline` is when one that was given an order has to be gone."""

    kind: Kind
    id: str
    attempt: int
    orders: int
    log: IO[bytes]
    renewed: float
    pid: int | None = None
    order: bytes | None = None
    deadline: float | None = None

    @property
    def key(self) -> str:
        return f"{self.id}/{self.attempt}"

    def tell(self, order: bytes) -> None:
        """Write to the child's pipe; a child that is gone does not mind. The nearest deadline counts."""
        with contextlib.suppress(BrokenPipeError, BlockingIOError):
            os.write(self.orders, order)
        if order != PING:
            deadline = time.monotonic() + GRACE_SECONDS[self.kind][order]
            self.order, self.deadline = order, min(deadline, self.deadline or deadline)

    def kill(self) -> None:
        if self.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    def last_lines(self) -> list[str]:
        """The end of what the child printed."""
        self.log.seek(0)
        return self.log.read()[-8192:].decode(errors="replace").splitlines()[-20:]

    def close(self) -> None:
        os.close(self.orders)
        self.log.close()
