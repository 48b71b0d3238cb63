"""A service's processes."""

import secrets
import socket
import subprocess
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

OWN_PORTS = range(10_000, 32_768)  # below those of outgoing connections (ip(7), ip_local_port_range)


def family(pid: int) -> list[int]:
    """A process and all of its descendants, from any of their threads."""
    return [pid, *(child.pid for child in psutil.Process(pid).children(recursive=True))]


def of_warm_server(worker: int) -> list[int]:
    """The children of a worker's warm server: those that train, and an idle one."""
    listing = subprocess.run(["ps", "-eo", "pid,ppid"], capture_output=True, text=True, check=True).stdout
    parents = {int(pid): int(parent) for pid, parent in (line.split() for line in listing.splitlines()[1:])}
    return [pid for pid, parent in parents.items() if parents.get(parent) == worker]


def has_job(pid: int) -> bool:
    """True if the child has a job: its output then goes to the job's log instead of its parent's output."""
    try:
        parent = psutil.Process(pid).ppid()
        return not Path(f"/proc/{pid}/fd/1").samefile(f"/proc/{parent}/fd/1")
    except (psutil.NoSuchProcess, OSError):  # it has just ended
        return False


def children(worker: int) -> list[int]:
    """The processes that train for a worker."""
    return [pid for pid in of_warm_server(worker) if has_job(pid)]


def is_decoder(process: psutil.Process) -> bool:
    """True if the process decodes pictures; False if it has ended, maybe without its parent having noticed."""
    try:
        return "app.datasets.images.decoder" in process.cmdline()
    except psutil.NoSuchProcess:
        return False


def until(condition: Callable[[], object]) -> None:
    """Wait until the condition holds."""
    deadline = time.monotonic() + 200
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def free_port() -> int:
    """A free port of those that the kernel gives to no outgoing connection: such a one could take it meanwhile."""
    while True:
        port = secrets.choice(OWN_PORTS)
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
