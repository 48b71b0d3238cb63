"""Files in a folder of this machine."""

import fcntl
import os
import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from app.storage.files.base import Files, inside
from app.storage.files.tree import bytes_of, files_below


class LocalFiles(Files):
    """Files under one folder: each is written under a temporary name, synced and renamed."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    @contextmanager
    def create(self, name: str) -> Iterator[IO[bytes]]:
        path = self.local(name)
        with self.unfinished(path) as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
            Path(file.name).replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    @contextmanager
    def unfinished(self, path: Path) -> Iterator[IO[bytes]]:
        """A file in the folder of `path`. At the end of the block it is deleted, unless it was renamed to `path`."""
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")  # containers share process ids
        try:
            with _locked(temporary) as file:
                yield file
        finally:
            temporary.unlink(missing_ok=True)

    def read(self, name: str) -> bytes:
        return self.local(name).read_bytes()

    def local(self, name: str) -> Path:
        return self.root / inside(name)

    def exists(self, name: str) -> bool:
        return self.local(name).exists()

    def size(self, name: str) -> int:
        return bytes_of(self.local(name))

    def delete(self, name: str) -> None:
        self.local(name).unlink(missing_ok=True)

    def delete_folder(self, name: str) -> None:
        folder = self.local(name)
        shutil.rmtree(folder, ignore_errors=True)  # another process may delete it too
        if folder.exists():
            shutil.rmtree(folder)  # raises the reason why it still exists

    def sweep(self) -> None:
        for path in files_below(self.root):
            if not path.match(".*.part"):
                continue
            with suppress(FileNotFoundError, BlockingIOError), path.open("rb") as file:  # others may sweep too
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()

    def temporary(self) -> IO[bytes]:
        self.root.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryFile(dir=self.root)


def _locked(path: Path) -> IO[bytes]:
    """A new file with a lock on it until it is closed."""
    while True:
        file = path.open("w+b")
        fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return file
        file.close()  # it was swept before it was locked
