"""Change detection: an idle worker can poll many times a second."""

import time

from app.storage.change_counter import change_counter
from app.storage.database import Database

LONGEST_SECONDS = 2.0  # poll at least this often: a lease expires without a commit


class Changes:
    """A detector of commits after which there may be work. It keeps a connection open until `close`."""

    def __init__(self, database: Database) -> None:
        self.counter = change_counter(database)
        self.seen: object = None
        self.due = 0.0

    def should_poll(self) -> bool:
        """True if another connection's commit may have made work, `force_poll` was called, or the last poll was long
        ago."""
        now = time.monotonic()
        state = self.counter.read()
        if state is not None and state == self.seen and now < self.due:
            return False
        self.seen, self.due = state, now + LONGEST_SECONDS
        return True

    def force_poll(self) -> None:
        """Force the next poll, for example after a slot became free."""
        self.due = 0.0

    def close(self) -> None:
        self.counter.close()
