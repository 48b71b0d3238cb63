"""Exports of datasets as .npz files, built once for each content and kept on this machine's disk."""

import os
from contextlib import suppress
from pathlib import Path
from typing import IO

from app.datasets.arrays import Arrays
from app.storage.files import LocalFiles

KEPT = 8  # files; the one that was not asked for the longest goes first


class Exports:
    """The files of a folder, by the checksum of their dataset. Several processes may share the folder."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.files = folder, LocalFiles(folder)

    def open(self, checksum: str, arrays: Arrays) -> IO[bytes]:
        """The export of a dataset, built now unless it is kept. An open file stays readable after its deletion."""
        path = self.folder / f"{checksum}.npz"
        with suppress(FileNotFoundError):
            file = path.open("rb")
            os.utime(file.fileno())
            return file
        with self.files.create(path.name) as built:
            arrays.export(built)
        self._drop_oldest()
        return path.open("rb")

    def drop(self, checksum: str) -> None:
        """Delete the export of a dataset that is gone."""
        (self.folder / f"{checksum}.npz").unlink(missing_ok=True)

    def _drop_oldest(self) -> None:
        ages = []
        for path in self.folder.iterdir():  # includes what a killed process has left
            with suppress(FileNotFoundError):
                ages.append((path.stat().st_mtime_ns, path))
        for _, path in sorted(ages, reverse=True)[KEPT:]:
            path.unlink(missing_ok=True)
