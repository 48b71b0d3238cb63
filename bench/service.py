"""A temporary service for benchmarks: `antigrad serve` on a free port, with a home that is deleted afterwards."""

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import psutil

from tests.support.processes import free_port

END_SECONDS = 10
PICTURE = {"Content-Type": "image/png"}


@contextmanager
def home() -> Iterator[Path]:
    """A temporary home for the service. Meanwhile the caller has no other ANTIGRAD_* variable."""
    with patch.dict(os.environ), tempfile.TemporaryDirectory() as folder:
        for name in [name for name in os.environ if name.startswith("ANTIGRAD_")]:
            del os.environ[name]
        os.environ["ANTIGRAD_HOME"] = folder
        yield Path(folder)


@contextmanager
def server(command: list[str]) -> Iterator[httpx.Client]:
    """A process that serves HTTP; `command` holds the arguments of `python`, with {port} for the port."""
    with started(command) as (client, _):
        yield client


@contextmanager
def started(
    command: list[str], python: str | Path = sys.executable, **options: Any
) -> Iterator[tuple[httpx.Client, "subprocess.Popen[bytes]"]]:
    """A process that serves HTTP, and a client of it. A process that does not end in time is killed.

    `options` are those of `subprocess.Popen`.
    """
    port = free_port()
    process = subprocess.Popen([python, *(part.format(port=port) for part in command)], **options)
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30) as client:
            for _ in range(600):
                if process.poll() is not None:
                    raise SystemExit("the server did not start; its error is printed above")
                try:
                    client.get("/healthz").raise_for_status()
                    break
                except httpx.HTTPError:
                    time.sleep(0.05)
            yield client, process
    finally:
        children = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        try:
            process.wait(END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for child in children:
            with suppress(psutil.NoSuchProcess):
                child.kill()  # those of some servers outlive them


@contextmanager
def antigrad(workers: int = 1) -> Iterator[httpx.Client]:
    """A running service with its workers ready."""
    with home(), server(["-m", "app.cli.main", "serve", "--port", "{port}", "--workers", str(workers)]) as client:
        while workers and len(client.get("/workers").json()["items"]) < workers:
            time.sleep(0.05)
        yield client


def ended(client: httpx.Client, run: str) -> dict[str, Any]:
    """Wait until the run has ended; returns it."""
    while (answer := client.get(f"/runs/{run}", params={"wait": 30}).json())["status"] in ("queued", "running"):
        pass
    return dict(answer)
