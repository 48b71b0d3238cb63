"""The file of a SQLite database. Open connections keep a file that was removed: their writes are lost unnoticed."""

from pathlib import Path

from app.storage.database import Database


class DatabaseFile:
    """The file that is there when this is created; its database has been opened."""

    def __init__(self, database: Database) -> None:
        name = database.engine.url.database if database.is_sqlite else None
        self.path = Path(name) if name else None
        self.identity = self._identity()

    def is_in_place(self) -> bool:
        """False if the file was removed or replaced since; always True for Postgres."""
        return self._identity() == self.identity

    def _identity(self) -> tuple[int, int] | None:
        """Device and inode. An inode is not given to another file while a connection has it open."""
        if self.path is None:
            return None
        try:
            about = self.path.stat()
        except OSError:
            return None
        return about.st_dev, about.st_ino
