"""The interface of a file store: named files, each written completely or not at all.

The content under a name never changes; a second writer of a name writes the same bytes.
"""

import errno
from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from pathlib import Path
from typing import IO

AWAY = errno.EHOSTUNREACH


class FilesRefused(Exception):
    """ANTIGRAD_FILES_URL cannot be used; the message says why, and what to do."""


class OutsideOfStore(OSError):
    """A name from the database leads out of the store: a row was changed by hand, or came with a foreign backup."""

    def __init__(self, name: str) -> None:
        super().__init__(errno.EINVAL, "the database names a file outside of the file store", name)


def inside(name: str) -> str:
    """The name of a file or folder below the store's root. Raises OutsideOfStore."""
    if "\0" in name or any(part in ("", ".", "..") for part in name.split("/")):
        raise OutsideOfStore(name)
    return name


class Files(ABC):
    """Named files; a name is a relative path like `runs/<id>/<attempt>/weights.safetensors`.

    Each method raises OSError with a readable `strerror`; see `is_away` and `OutsideOfStore`.
    """

    @abstractmethod
    def create(self, name: str) -> AbstractContextManager[IO[bytes]]:
        """A file to write to. It appears under its name when the block ends without an exception, else not at all."""

    def write(self, name: str, data: bytes) -> None:
        """Write a whole file. On OSError (a full disk, for example) nothing appears under the name."""
        with self.create(name) as file:
            file.write(data)

    @abstractmethod
    def read(self, name: str) -> bytes:
        """The whole content. Raises FileNotFoundError."""

    @abstractmethod
    def local(self, name: str) -> Path:
        """Path on this machine at which to open the file soon: a cached copy may be removed later.

        Raises FileNotFoundError.
        """

    @abstractmethod
    def exists(self, name: str) -> bool: ...

    @abstractmethod
    def size(self, name: str) -> int:
        """Bytes of a file, or of all files in a folder; 0 if there is none."""

    @abstractmethod
    def delete(self, name: str) -> None:
        """Delete a file if it exists."""

    @abstractmethod
    def delete_folder(self, name: str) -> None:
        """Delete a folder and its content if it exists."""

    @abstractmethod
    def sweep(self) -> None:
        """Delete half-written files that killed processes have left on this machine. Raises OSError.

        A file that is still being written stays: its writer holds a lock, which ends with the process.
        """

    @abstractmethod
    def temporary(self) -> IO[bytes]:
        """An unnamed file on this machine's disk, deleted when it is closed."""


def is_away(error: Exception) -> bool:
    """True if the store is temporarily unavailable, so that a retry makes sense."""
    return isinstance(error, OSError) and error.errno == AWAY
