"""`antigrad serve` on a terminal: it prints its address, and ends on Ctrl-C without a traceback."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from tests.support.processes import family, free_port

Serve = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Serve]:
    """`antigrad serve` on a free port, started as by a terminal: Ctrl-C reaches all processes of its group."""
    started: list[subprocess.Popen[str]] = []

    def start(port: int, *options: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "app.cli.main", "serve", "--port", str(port), *options]
        environment = os.environ | {"ANTIGRAD_HOME": str(tmp_path / "home")}
        pipe = subprocess.PIPE
        started.append(
            subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True, start_new_session=True)
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate(timeout=60)


def loads(process: int, library: str) -> bool:
    return library in Path(f"/proc/{process}/maps").read_text()


@pytest.mark.parametrize("library", ["_multiarray_umath", "libtorch_cpu"])
def test_a_ctrl_c_while_libraries_are_loaded_is_quiet(serve: Serve, library: str) -> None:
    service = serve(free_port(), "--workers", "0")
    while not loads(service.pid, library):
        time.sleep(0.002)
    os.killpg(service.pid, signal.SIGINT)
    said = service.communicate(timeout=60)
    assert service.returncode == 130 and said == ("", "")


@pytest.mark.long
def test_serve_says_where_it_listens_and_a_ctrl_c_is_not_for_its_workers(serve: Serve) -> None:
    service = serve(port := free_port())
    assert service.stdout is not None
    assert service.stdout.readline() == f"http://127.0.0.1:{port} (docs at /docs)\n"
    assert httpx.get(f"http://127.0.0.1:{port}/docs").status_code == 200
    while not any(loads(process, "libtorch_cpu") for process in family(service.pid)[1:]):
        time.sleep(0.002)
    os.killpg(service.pid, signal.SIGINT)
    out, said = service.communicate(timeout=120)
    assert service.returncode == 0 and out == "" and "Traceback" not in said, said
