"""Measurement of an import in a separate process with the worker's limits.

Run as `python -m`, the module reads the options of an import as JSON from stdin, and prints the result.
"""

import contextlib
import json
import os
import sys
import tempfile
import time
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import psutil

from app.datasets.errors import ImportFailed
from app.datasets.import_options import ImportOptions
from tests.support.fork_server import fork_server
from tests.support.processes import is_decoder
from worker.import_job import _reason, bound_memory

TOTAL_BYTES = 16 * 1024**3  # default limit of unpacked bytes
MAKES = ("os.mkdir", "os.rename", "os.link", "os.symlink", "os.remove", "os.rmdir", "os.truncate")
WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC


@dataclass
class Took:
    """The result of an import, or the reason of its failure, and its peak memory.

    own: additional MB of the process. decoders: MB of all decoders together; decoder: MB of the largest one.
    written: paths that it opened for writing, created or removed, except for unnamed files in the scratch folder.
    """

    examples: int = 0
    skipped: list[dict[str, str]] = field(default_factory=list)
    failed: str | None = None
    own: float = 0.0
    decoders: float = 0.0
    decoder: float = 0.0
    written: list[str] = field(default_factory=list)

    def reasons(self) -> set[str]:
        return {item["reason"] for item in self.skipped}


def measured(parts: Path | Mapping[str, Path], total: int = TOTAL_BYTES, **reading: Any) -> Took:
    """Import the files of an upload, of which `total` bytes may be unpacked.

    The test fails if the import ends with anything but ImportFailed or a lack of memory, or if it writes any file.
    """
    by_role = {"file": parts} if isinstance(parts, Path) else parts
    asked = {"parts": {role: str(path) for role, path in by_role.items()}, "total": total, "reading": reading}
    with tempfile.TemporaryFile("w+") as answer:
        process = fork_server().start("tests.support.measuring", pipes=["stdin"], output=answer)
        assert process.stdin is not None
        process.stdin.write(json.dumps(asked).encode())
        process.stdin.close()
        decoders = decoder = 0.0
        while process.poll() is None:
            sizes = [0.0, *(_memory(child) for child in _decoders(process.pid))]
            decoders, decoder = max(decoders, sum(sizes)), max(decoder, *sizes)
            time.sleep(0.02)
        assert process.returncode == 0
        answer.seek(0)
        took = Took(**json.load(answer), decoders=decoders, decoder=decoder)
    sys.stdout.write(
        f"{took.own:.0f} MB more than at the start, decoders {took.decoders:.0f}: {took.failed or took.examples}\n"
    )
    assert took.written == []
    return took


def _decoders(pid: int) -> list[int]:
    """Process ids of the decoders; right after a fork, a child still looks like its parent."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return [child.pid for child in psutil.Process(pid).children() if is_decoder(child)]
    return []


def _memory(pid: int | str, name: str = "VmHWM") -> float:
    """Peak memory of a process in MB; 0 if it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith(name)), 0.0)


def main() -> None:
    warnings.simplefilter("error")
    sys.dont_write_bytecode = True
    asked = json.load(sys.stdin)
    parts = {role: Path(path) for role, path in asked["parts"].items()}
    reading = ImportOptions.from_json(asked["reading"])
    scratch = tempfile.gettempdir()
    written: list[str] = []

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open" and arguments[2] & WRITES and isinstance(arguments[0], str):
            written.append(arguments[0])
        elif event in MAKES:
            written.append(str(arguments))

    sys.addaudithook(watch)
    bound_memory()
    import pyarrow.parquet  # noqa: F401  # the formats load it late; the memory of its code is not counted

    from app.datasets.formats import (
        compressed_file,  # imported late, as in the worker
        content,
    )

    before = _memory("self", "VmRSS")
    said: dict[str, Any] = {}
    with patch.object(compressed_file, "TOTAL_BYTES", asked["total"]):
        try:
            imported = content.read(parts, reading, tempfile.TemporaryFile, lambda *_: None)
            said |= {"examples": imported.arrays.about()["examples"], "skipped": imported.skipped}
        except (ImportFailed, MemoryError) as error:
            said["failed"] = _reason(error).text()
    named = [name for name in written if name not in (scratch, os.devnull)]  # unnamed files appear as their folder
    json.dump(said | {"own": _memory("self") - before, "written": named}, sys.stdout)


if __name__ == "__main__":
    main()
