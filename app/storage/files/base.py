"""The interface of a file store: named files, each written completely or not at all.

A file's content never changes under its name, except for a second writer of the same bytes.
"""

import errno
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO

AWAY = errno.EHOSTUNREACH
STALE_SECONDS = 24 * 3600


class FilesRefused(Exception):
    """ANTIGRAD_FILES_URL cannot be used; the sentence says why, and what to do."""


class Files(ABC):
    """Named files; a name is a relative path like `runs/<id>/<attempt>/weights.safetensors`.

    Each method raises OSError with a `strerror` for people; see `is_away`.
    """

    @abstractmethod
    def create(self, name: str) -> AbstractContextManager[IO[bytes]]:
        """A file to write to, which stands under its name when the block has ended well, and else not at all."""

    def write(self, name: str, data: bytes) -> None:
        """When it raises OSError (a full disk, for one), nothing stands under the name."""
        with self.create(name) as file:
            file.write(data)

    @abstractmethod
    def read(self, name: str) -> bytes:
        """Raises FileNotFoundError."""

    @abstractmethod
    def local(self, name: str) -> Path:
        """Where on this machine the file can be opened, soon: a copy may make room for others. Raises
        FileNotFoundError."""

    @abstractmethod
    def exists(self, name: str) -> bool: ...

    @abstractmethod
    def delete(self, name: str) -> None:
        """Delete a file; one that does not exist is fine."""

    @abstractmethod
    def delete_folder(self, name: str) -> None:
        """Delete a folder with all that lies in it; one that does not exist is fine."""

    @abstractmethod
    def sweep(self) -> None:
        """Delete what killed processes have left half-written on this machine. What anybody still writes stays: only
        what has not grown for `STALE_SECONDS` goes. Raises OSError."""

    @abstractmethod
    def temporary(self) -> IO[bytes]:
        """A file on this machine's disk that has no name, and is gone when it is closed."""


def is_away(error: OSError) -> bool:
    """Whether the store cannot answer now, so that trying again makes sense."""
    return error.errno == AWAY
