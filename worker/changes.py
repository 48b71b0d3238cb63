"""Whether there can be anything new in the database: asked so cheaply that an idle worker may ask all the time."""

import sqlite3
import time

from app.storage.database import Database

LONGEST_SECONDS = 2.0  # after which a look is due in any case: a lease runs out without a change


class Changes:
    """SQLite counts its commits in the head of its file, which is read in a hundredth of the time of a look for work.
    Postgres has no such number: there it is always time to look."""

    def __init__(self, database: Database) -> None:
        self.connection: sqlite3.Connection | None = None
        if database.is_sqlite:
            self.connection = sqlite3.connect(str(database.engine.url.database), timeout=0, isolation_level=None)
        self.seen: int | None = None
        self.due = 0.0

    def look_is_due(self) -> bool:
        """Whether to look for work: somebody has committed since the last time, `look_again` was said, or it is long
        ago."""
        now = time.monotonic()
        count = self._commits()
        if count is not None and count == self.seen and now < self.due:
            return False
        self.seen, self.due = count, now + LONGEST_SECONDS
        return True

    def look_again(self) -> None:
        """What was found and left lying may be taken now."""
        self.due = 0.0

    def _commits(self) -> int | None:
        """A number that changes when another connection commits; None when there is no telling."""
        if self.connection is None:
            return None
        try:
            found: int = self.connection.execute("PRAGMA data_version").fetchone()[0]
        except sqlite3.OperationalError:  # somebody writes at this moment; whatever else it is, the look will meet it
            return None
        return found

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
