"""`make demo` works as README promises, with any settings."""

import os
import re
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.processes import free_port
from tests.support.services import KEY


def demo(home: Path, port: int, **variables: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "tools.demo", "--once", "--port", str(port)]
    environment = os.environ | {"ANTIGRAD_HOME": str(home)} | variables
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=False, timeout=200)


@pytest.mark.long
def test_the_demo_learns_letters_and_classifies_one(tmp_path: Path) -> None:
    port = free_port()
    done = demo(tmp_path / "home", port, ANTIGRAD_API_KEY=KEY)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"curl -H 'Authorization: Bearer …' -X POST http://127.0.0.1:{port}/runs" in done.stdout
    assert re.search(r"test accuracy: [89]\d\.\d%", done.stdout)
    assert '"predictions":[{"label"' in done.stdout and (tmp_path / "home/letter.png").exists()
    assert KEY not in done.stdout + done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("variables", "said"),
    [({}, "choose another: make demo PORT="), ({"ANTIGRAD_THREADS": "many"}, "ANTIGRAD_THREADS is 'many'")],
    ids=["a taken port", "a wrong setting"],
)
def test_what_keeps_the_demo_from_starting_is_said_at_once(
    tmp_path: Path, variables: dict[str, str], said: str
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = demo(tmp_path / "home", taken.getsockname()[1], **variables)
    assert done.returncode == 1 and said in done.stderr and len(done.stderr.splitlines()) == 1
