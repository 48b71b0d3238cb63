"""Files by name, wherever they lie: in a folder, or in an object store (see `remote`). A name never holds half a file,
and once written its content never changes, but for a second writer of the same bytes."""

import errno
import os
import secrets
import shutil
import tempfile
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
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


def open_files(url: str, home: Path) -> Files:
    """The files of the store that the settings name. Never carry them across a fork. Raises FilesRefused."""
    if not url:
        return LocalFiles(home / "files")
    scheme, separator, place = url.partition("://")
    if separator and scheme != "s3":
        raise FilesRefused(f"ANTIGRAD_FILES_URL begins with {scheme!r}; an object store is written s3://bucket/prefix")
    if not separator or place.startswith("/") or not place:
        raise FilesRefused("ANTIGRAD_FILES_URL names no bucket; an object store is written s3://bucket/prefix")
    if set(place) & set("@?#"):  # none of them is shown, for it may hold a password
        raise FilesRefused(
            "ANTIGRAD_FILES_URL holds more than a bucket and a prefix; give credentials and options in the environment "
            "(AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_ENDPOINT_URL)"
        )
    try:
        from app.storage.remote import RemoteFiles  # here: it takes a second to load
    except ImportError as error:
        raise FilesRefused(f"ANTIGRAD_FILES_URL needs the library s3fs ({error}): pip install s3fs") from error
    return RemoteFiles(place.rstrip("/"), home / "cache")


def is_away(error: OSError) -> bool:
    """Whether the store cannot answer now, so that trying again makes sense."""
    return error.errno == AWAY


class LocalFiles(Files):
    """Files under one folder: each is written beside, synced and renamed."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    @contextmanager
    def create(self, name: str) -> Iterator[IO[bytes]]:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")  # containers share process ids
        try:
            with beside.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def read(self, name: str) -> bytes:
        return self.local(name).read_bytes()

    def local(self, name: str) -> Path:
        return self.root / name

    def exists(self, name: str) -> bool:
        return self.local(name).exists()

    def delete(self, name: str) -> None:
        self.local(name).unlink(missing_ok=True)

    def delete_folder(self, name: str) -> None:
        folder = self.root / name
        shutil.rmtree(folder, ignore_errors=True)  # others may be at it too
        if folder.exists():
            shutil.rmtree(folder)  # which says why it is there still

    def sweep(self) -> None:
        stale = time.time() - STALE_SECONDS
        for path in self.root.rglob(".*.part"):
            with suppress(FileNotFoundError):  # another process sweeps too
                if path.stat().st_mtime < stale:
                    path.unlink()

    def temporary(self) -> IO[bytes]:
        self.root.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryFile(dir=self.root)
