"""Change detection: a worker asks the database for work and for orders only when there may be some."""

import time

from app.storage.change_counter import ChangeCounter

LONGEST_SECONDS = 2.0  # poll at least this often: a lease expires without a commit


class Changes:
    """A detector of changes since the last poll. Several can share a counter."""

    def __init__(self, counter: ChangeCounter) -> None:
        self.counter = counter
        self.seen: object = None
        self.due = 0.0

    def should_poll(self) -> bool:
        """True if the counter has changed, `force_poll` was called, or the last poll was long ago."""
        now = time.monotonic()
        state = self.counter.read()
        if state is not None and state == self.seen and now < self.due:
            return False
        self.seen, self.due = state, now + LONGEST_SECONDS
        return True

    def force_poll(self) -> None:
        """Force the next poll, for example after a slot became free."""
        self.due = 0.0
