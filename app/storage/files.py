"""Files under one folder: each is written beside, synced and renamed, so that a name never holds half a file."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


class Files:
    """Named files below `root`; a name is a relative path like `runs/<id>/<attempt>/weights.safetensors`."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()

    def path(self, name: str) -> Path:
        """Where the file lies."""
        return self.root / name

    @contextmanager
    def create(self, name: str) -> Iterator[BinaryIO]:
        """A file to write to, which stands under its name when the block has ended well, and else not at all."""
        path = self.path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = path.with_name(f".{path.name}.{os.getpid()}.part")
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

    def write(self, name: str, data: bytes) -> None:
        """Raises OSError (a full disk, for one), and then nothing stands under the name."""
        with self.create(name) as file:
            file.write(data)

    def read(self, name: str) -> bytes:
        return self.path(name).read_bytes()

    def delete_folder(self, name: str) -> None:
        """Delete a folder with all that lies in it; one that does not exist is fine."""
        shutil.rmtree(self.path(name), ignore_errors=True)
