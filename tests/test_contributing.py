"""The recipes for contributors work: each is followed by an example, in a copy of the project."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "CONTRIBUTING.md").read_text()
RECIPES = {title: body for title, body in re.findall(r"^### (.+?)\n(.*?)(?=^### |\Z)", PAGE, re.MULTILINE | re.DOTALL)}
FILE = re.compile(r"`((?:app|docs|migrations|tests|tools)/[\w/.-]+|pyproject\.toml)`")
CHANGED = re.compile(r"^diff --git a/(\S+) b/", re.MULTILINE)
NEW = re.compile(r"^diff --git a/(\S+) b/\S+\nnew file", re.MULTILINE)
BIN = Path(sys.executable).parent


def example(title: str) -> Path:
    """The patch that follows a recipe."""
    [named] = re.findall(r"^Example: `(tests/recipes/\w+\.patch)`", RECIPES[title], re.MULTILINE)
    return ROOT / named


def test_there_are_seven_recipes() -> None:
    assert len(RECIPES) == 7


@pytest.mark.parametrize("title", RECIPES)
def test_a_recipe_names_every_file_that_its_example_changes(title: str) -> None:
    """New files, and the test of a new file, have names of their own."""
    patch = example(title).read_text()
    assert set(CHANGED.findall(patch)) - set(NEW.findall(patch)) <= set(FILE.findall(RECIPES[title]))


@pytest.mark.parametrize("title", RECIPES)
def test_a_recipe_names_files_that_exist(title: str) -> None:
    named = FILE.findall(RECIPES[title])
    assert named and [path for path in named if not (ROOT / path).exists()] == []


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the project's files, in an empty repository."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    for name in filter(None, listed.stdout.decode().split("\0")):
        if (ROOT / name).is_file():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name)
    subprocess.run(["git", "init", "-q"], cwd=tmp_path, check=True)
    return tmp_path


@pytest.mark.long
@pytest.mark.timeout(600)
@pytest.mark.parametrize("title", RECIPES)
def test_following_a_recipe_passes_its_command_and_the_linters(title: str, copy: Path) -> None:
    patch = example(title)
    subprocess.run(["git", "apply", patch], cwd=copy, check=True)
    [command] = re.findall(r"```sh\n\.venv/bin/(.*?)\n```", RECIPES[title])
    tests = [name for name in NEW.findall(patch.read_text()) if Path(name).name.startswith("test_")]
    tool, *arguments = shlex.split(command)
    runs = [[tool, *arguments], ["ruff", "check", "."], ["lint-imports"]]
    if tests:
        runs.append(["pytest", *tests])
    for run in runs:
        done = subprocess.run(
            [BIN / run[0], *run[1:]],
            cwd=copy,
            env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
            | {"PYTHONPATH": str(copy)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{run}\n{done.stdout[-4000:]}\n{done.stderr[-2000:]}"
