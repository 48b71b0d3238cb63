"""`antigrad` commands, run in forked processes (see `fork_server`)."""

import json
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx

from tests.support.fork_server import Forked, fork_server
from tests.support.processes import free_port

CLI = "app.cli.main"


def run_module(
    module: str, *arguments: str, folder: Path | None = None, **variables: str
) -> "subprocess.CompletedProcess[str]":
    """Run a module as `python -m` does, to its end."""
    with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
        process = fork_server().start(module, *arguments, folder=folder, output=output, errors=errors, **variables)
        status = process.wait(120)
        for file in (output, errors):
            file.seek(0)
        return subprocess.CompletedProcess([module, *arguments], status, output.read(), errors.read())


def command(*arguments: str, folder: Path | None = None, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run `antigrad` with these arguments to its end."""
    return run_module(CLI, *arguments, folder=folder, **variables)


def antigrad(
    address: str, *arguments: str, folder: Path | None = None, **variables: str
) -> "subprocess.CompletedProcess[str]":
    """Run a client command against the service at an address."""
    url = {"ANTIGRAD_URL": f"http://{address}"} if address else {}
    return command(*arguments, folder=folder, **url | variables)


def doctor(*options: str, **variables: str) -> tuple[int, dict[str, dict[str, str]]]:
    """Exit status and findings of `antigrad doctor`, by check."""
    done = command("doctor", "--json", *options, **variables)
    return done.returncode, {finding["check"]: finding for finding in json.loads(done.stdout)}


def until_ready(process: Forked, url: str) -> None:
    """Wait until a service answers."""
    deadline = time.monotonic() + 150
    while True:
        try:
            if httpx.get(f"{url}/readyz").status_code in (200, 401):
                return
        except httpx.TransportError:
            assert process.poll() is None and time.monotonic() < deadline
        time.sleep(0.05)


@contextmanager
def serving(home: Path, *options: str, module: str = CLI, port: int | None = None, **variables: str) -> Iterator[str]:
    """Start a separate service; yields its address when it is ready."""
    address = f"127.0.0.1:{(port := port or free_port())}"
    process = fork_server().start(module, "serve", "--port", str(port), *options, ANTIGRAD_HOME=str(home), **variables)
    try:
        until_ready(process, f"http://{address}")
        yield address
    finally:
        process.terminate()
        assert process.wait(120) == 0
