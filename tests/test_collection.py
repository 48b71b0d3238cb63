"""Test names are the same in every process: `pytest -n 2` compares the lists of its processes."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.long
def test_two_processes_that_collect_in_different_seconds_collect_the_same_tests() -> None:
    collections = []
    for hashes in ("1", "2"):
        command = [sys.executable, "-m", "pytest", "--collect-only", "-q", "-p", "no:cacheprovider"]
        environment = os.environ | {"PYTHONHASHSEED": hashes}
        collections.append(subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True))
        time.sleep(1.1)  # so that a time stamp would differ
    first, second = (
        [line for line in process.communicate(timeout=200)[0].splitlines() if "::" in line] for process in collections
    )
    assert len(first) > 3000 and first == second
