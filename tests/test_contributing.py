"""The recipes for contributors name existing files and tests."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "CONTRIBUTING.md").read_text()
RECIPES = {title: body for title, body in re.findall(r"^### (.+?)\n(.*?)(?=^### |\Z)", PAGE, re.MULTILINE | re.DOTALL)}
FILE = re.compile(r"`((?:app|docs|migrations|tests|tools)/[\w/.-]+)`")
NAMES = {  # the file and name that a recipe extends
    "An optimizer": ("app/learning/optimizers.py", "OPTIMIZERS"),
    "A layer": ("app/learning/layers/activations.py", "ENTRIES"),
    "A dataset format, and an option of it": ("app/datasets/formats/content.py", "FORMATS"),
    "A route": ("app/main.py", "ROUTES"),
    "An order of claiming": ("app/storage/queue/claims.py", "order"),
    "An experiment": ("app/insight/experiments/practice.py", "EXPERIMENTS"),
}


def test_there_are_seven_recipes() -> None:
    assert len(RECIPES) == 7 and NAMES.keys() <= RECIPES.keys()


@pytest.mark.parametrize("title", RECIPES)
def test_a_recipe_names_files_that_exist(title: str) -> None:
    named = [path for path in FILE.findall(RECIPES[title]) if path != "app/web"]
    assert title == "A page" or named
    assert [path for path in named if not (ROOT / path).exists()] == []


@pytest.mark.parametrize("title", NAMES)
def test_a_recipe_names_what_is_extended(title: str) -> None:
    file, name = NAMES[title]
    assert f"`{file}`" in RECIPES[title] and name in RECIPES[title]
    assert re.search(rf"^\s*{name}\b.* = ", (ROOT / file).read_text(), re.MULTILINE)


@pytest.mark.parametrize("title", RECIPES)
def test_the_command_of_a_recipe_runs_tests_that_exist(title: str) -> None:
    [command] = re.findall(r"```sh\n(.*?)\n```", RECIPES[title])
    tool, *targets = command.split()
    assert tool in (".venv/bin/pytest", ".venv/bin/lint-imports")
    for target in targets:
        assert list((ROOT / target).rglob("test_*.py")) or (ROOT / target).is_file()
