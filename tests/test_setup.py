"""Missing requirements of a machine are reported before anything is created."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def setup(folder: Path, python: str, **variables: str) -> "subprocess.CompletedProcess[str]":
    command = [str(ROOT / "tools/setup.sh")]
    environment = {"PYTHON": python, "PATH": "/usr/bin:/bin"} | variables
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def stand_in(folder: Path, script: str) -> str:
    """A fake Python as on another machine."""
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


PIP = """#!/bin/sh
echo "$@" >> pip.log
echo "WARNING: noise" >&2
"""
WORKS = """case "$*" in
    *"-m venv"*) mkdir -p .venv/bin; cp pip .venv/bin/pip;;
    *print*) echo 3.12;;
esac"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A clone with a fake Python, whose pip only records its arguments."""
    stand_in(tmp_path, WORKS)
    (tmp_path / "pip").write_text(PIP)
    (tmp_path / "pip").chmod(0o755)
    for name in ("requirements-dev.lock", "pyproject.toml"):
        (tmp_path / name).write_text((ROOT / name).read_text())
    return tmp_path


def installs(project: Path, **variables: str) -> list[str]:
    """The arguments of all pip calls so far, after one more set-up."""
    done = setup(project, str(project / "python"), **variables)
    assert done.returncode == 0, done.stderr
    assert "noise" not in done.stdout + done.stderr
    return (project / "pip.log").read_text().splitlines()


def test_the_environment_is_made_once_and_again_only_when_the_lock_has_changed(project: Path) -> None:
    first = installs(project)
    assert "torch==2.13.0" in first[0] and "--require-hashes" in first[1]  # torch with plain pip, before all else
    assert installs(project) == first
    (project / ".venv/stamp").unlink()  # as after an interrupted run
    assert installs(project) == first * 2
    with (project / "requirements-dev.lock").open("a") as lock:
        lock.write("# another")
    assert installs(project) == first * 3


def test_an_index_is_named_once_and_holds_until_another_one_is(project: Path) -> None:
    first = installs(project, TORCH_INDEX="https://one")
    assert "--index-url https://one" in first[0]
    assert (
        installs(project) == installs(project, TORCH_INDEX="https://one") == first
    )  # as `make test` after `make demo`
    assert "--index-url https://two" in installs(project, TORCH_INDEX="https://two")[len(first)]
    (project / "pyproject.toml").write_text("# another")
    assert "--index-url https://two" in installs(project)[2 * len(first)]


def test_a_set_up_that_fails_says_what_pip_said(project: Path) -> None:
    (project / "pip").write_text("#!/bin/sh\necho no such torch >&2; exit 1")
    done = setup(project, str(project / "python"))
    assert done.returncode == 1 and "no such torch" in done.stderr and "PyTorch" in done.stdout
    assert not (project / ".venv/stamp").exists()
