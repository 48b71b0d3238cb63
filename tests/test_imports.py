"""Processes load a heavy library when they need it, not at start-up."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.services import Template

DATA_LIBRARIES = {"sklearn", "scipy", "matplotlib", "pyarrow", "pandas", "s3fs", "fsspec", "botocore", "alembic"}
DATA_LIBRARIES |= {"onnx"}
FRAMEWORKS = {"torch", "numpy", "PIL", "fastapi", "sqlalchemy", "psycopg", "pydantic_settings"}
# A module, heavy libraries that it may load at start-up, and those that it must load later or never.
STARTS = {
    "app.cli.main": (set(), DATA_LIBRARIES | FRAMEWORKS | {"pydantic"}),
    "app.main": ({"torch", "numpy", "fastapi", "sqlalchemy"}, DATA_LIBRARIES | {"httpx", "rich", "psycopg"}),
    "worker.executors.local": (
        {"sqlalchemy"},
        DATA_LIBRARIES | {"torch", "numpy", "PIL", "fastapi", "psycopg", "httpx", "rich"},
    ),
    "worker.prefork.server": ({"torch", "numpy", "sqlalchemy"}, DATA_LIBRARIES | {"fastapi", "httpx", "rich"}),
}


def loaded(code: str, libraries: set[str], **environment: str) -> set[str]:
    """The libraries that a fresh process has loaded after running the code."""
    code += f"\nimport sys; print(*sorted({libraries!r} & sys.modules.keys()))"
    process = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | environment, capture_output=True, text=True, check=True
    )
    return set(process.stdout.splitlines()[-1].split())


@pytest.mark.parametrize("module", STARTS)
def test_a_process_starts_without_what_it_needs_later(module: str) -> None:
    needed, later = STARTS[module]
    assert loaded(f"import {module}", needed | later) == needed


CREATE = "from app.main import create_app; from app.settings import load; create_app(load())"


@pytest.mark.long
def test_a_service_on_a_new_home_is_created_with_the_library_of_migrations_alone(tmp_path: Path) -> None:
    assert loaded(CREATE, DATA_LIBRARIES, ANTIGRAD_HOME=str(tmp_path / "home")) == {"alembic"}


def test_a_service_on_an_old_home_is_created_without_the_libraries_of_data(template: Template, tmp_path: Path) -> None:
    template.fill(tmp_path / "home")
    assert loaded(CREATE, DATA_LIBRARIES, ANTIGRAD_HOME=str(tmp_path / "home")) == set()
