"""openapi-typescript generates types with which `tsc --strict` accepts a program, and finds its mistakes."""

import shutil
import subprocess
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.support.clients import FOLDER, tool

OPTIONS = ["--strict", "--noEmit", "--target", "es2022", "--module", "es2022", "--lib", "es2022,dom"]


@pytest.fixture(scope="module")
def folder(quick_client: TestClient, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the types and the program."""
    generator, folder = tool("node_modules/.bin/openapi-typescript"), tmp_path_factory.mktemp("types")
    (folder / "openapi.json").write_text(quick_client.get("/openapi.json").text)
    subprocess.run([generator, "openapi.json", "-o", "schema.ts"], cwd=folder, check=True, timeout=120)
    shutil.copy(FOLDER / "program.ts", folder)
    return folder


def checked(folder: Path, program: str) -> "subprocess.CompletedProcess[str]":
    command = [tool("node_modules/.bin/tsc"), *OPTIONS, program]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False, timeout=120)


@pytest.mark.long
def test_a_program_on_the_types_is_sound(folder: Path) -> None:
    done = checked(folder, "program.ts")
    assert done.returncode == 0, done.stdout


@pytest.mark.long
def test_a_mistake_in_a_program_is_found(folder: Path) -> None:
    mistaken = (folder / "program.ts").read_text().replace('optimizer: "adam"', 'optimizer: "adamm"')
    (folder / "mistaken.ts").write_text(mistaken)
    done = checked(folder, "mistaken.ts")
    assert done.returncode != 0 and "adamm" in done.stdout
