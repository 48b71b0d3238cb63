"""Files in a folder of this machine."""

import os
import secrets
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from app.storage.files.base import STALE_SECONDS, Files, inside


class LocalFiles(Files):
    """Files under one folder: each is written under a temporary name, synced and renamed."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    @contextmanager
    def create(self, name: str) -> Iterator[IO[bytes]]:
        path = self.local(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")  # containers share process ids
        try:
            with temporary.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def read(self, name: str) -> bytes:
        return self.local(name).read_bytes()

    def local(self, name: str) -> Path:
        return self.root / inside(name)

    def exists(self, name: str) -> bool:
        return self.local(name).exists()

    def delete(self, name: str) -> None:
        self.local(name).unlink(missing_ok=True)

    def delete_folder(self, name: str) -> None:
        folder = self.local(name)
        shutil.rmtree(folder, ignore_errors=True)  # another process may delete it too
        if folder.exists():
            shutil.rmtree(folder)  # raises the reason why it still exists

    def sweep(self) -> None:
        stale = time.time() - STALE_SECONDS
        for path in self.root.rglob(".*.part"):
            with suppress(FileNotFoundError):  # another process may sweep too
                if path.stat().st_mtime < stale:
                    path.unlink()

    def temporary(self) -> IO[bytes]:
        self.root.mkdir(parents=True, exist_ok=True)
        return tempfile.TemporaryFile(dir=self.root)
