"""A service of its own for each test: a fresh home, the real app, a real worker process."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", checkpoint_seconds=0.2, _env_file=None)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings)) as client:
        yield client


@pytest.fixture
def worker(client: TestClient, settings: Settings) -> Iterator[subprocess.Popen[bytes]]:
    environment = os.environ | {"ANTIGRAD_HOME": str(settings.home), "ANTIGRAD_CHECKPOINT_SECONDS": "0.2"}
    process = subprocess.Popen(
        [sys.executable, "-m", "worker", "--until-stdin-closes"], stdin=subprocess.PIPE, env=environment
    )
    yield process
    assert process.stdin is not None
    process.stdin.close()
    process.wait(30)
