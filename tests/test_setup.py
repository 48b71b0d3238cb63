"""What a machine lacks is said before anything is made."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def setup(folder: Path, python: str) -> "subprocess.CompletedProcess[str]":
    command = [str(ROOT / "tools/setup.sh")]
    environment = {"PYTHON": python, "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def stand_in(folder: Path, script: str) -> str:
    """A Python as another machine may have it."""
    python = folder / "python"
    python.write_text(f"#!/bin/sh\n{script}\n")
    python.chmod(0o755)
    return str(python)


OLD = 'case "$*" in *version_info*) exit 1;; *--version*) echo Python 3.9.2;; esac'
WITHOUT_VENV = 'case "$*" in *ensurepip*) exit 1;; esac'


@pytest.mark.parametrize(
    ("script", "said"),
    [(OLD, "is Python 3.9.2; Antigrad needs Python 3.11 or newer"), (WITHOUT_VENV, "apt-get install python3-venv")],
    ids=["old", "without venv"],
)
def test_a_python_that_will_not_do_is_refused_with_what_would(tmp_path: Path, script: str, said: str) -> None:
    done = setup(tmp_path, stand_in(tmp_path, script))
    assert done.returncode == 1 and said in done.stderr
    assert not (tmp_path / ".venv").exists()


def test_a_python_that_is_not_there_is_named(tmp_path: Path) -> None:
    done = setup(tmp_path, "python4.1")
    assert done.returncode == 1 and "There is no python4.1" in done.stderr


def test_a_second_run_changes_nothing() -> None:
    stamp = ROOT / ".venv/stamp"
    if not stamp.exists():
        pytest.skip("this environment was not made by tools/setup.sh")
    before = stamp.stat().st_mtime_ns
    done = subprocess.run(["make", "venv"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert stamp.stat().st_mtime_ns == before and "Making" not in done.stdout
