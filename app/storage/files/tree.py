"""Contents of folders that other processes may change meanwhile."""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path


def files_below(folder: Path) -> Iterator[Path]:
    """The files in a folder and in those below it; none if it is not there. `Path.rglob` would raise FileNotFoundError
    for a folder that has just been deleted."""
    for parent, _, names in os.walk(folder):
        yield from (Path(parent, name) for name in names)


def bytes_of(path: Path) -> int:
    """Bytes of a file, or of all files below a folder; 0 for what is not there."""
    total = 0
    for file in [path] if path.is_file() else files_below(path):
        with suppress(FileNotFoundError):
            total += file.stat().st_size
    return total
