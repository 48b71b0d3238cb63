"""A service of its own for each test: a fresh home, an empty database, the real app, real worker processes."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.forked import Forked, Nursery
from tests.object_store import ObjectStore
from tests.postgres import Postgres

# Tests run beside each other, one on each core: more threads in each would only wait for one another.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.close()


@pytest.fixture(scope="session")
def object_store() -> Iterator[ObjectStore]:
    server = ObjectStore()
    yield server
    server.close()


@pytest.fixture(params=["sqlite", "postgres"])
def settings(tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    """Every test of a service runs on both databases."""
    url = "" if request.param == "sqlite" else request.getfixturevalue("postgres").new_database()
    return Settings(home=tmp_path / "home", database_url=url, checkpoint_seconds=0.2, _env_file=None)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with TestClient(create_app(settings)) as client:
        yield client


@pytest.fixture(scope="session")
def quick_client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """One service for all tests that only ask, and change nothing that another one would notice."""
    settings = Settings(home=tmp_path_factory.mktemp("home"), _env_file=None)
    with TestClient(create_app(settings)) as client:
        yield client


class Workers:
    """Worker processes over one service's database; all are ended with the test."""

    def __init__(self, settings: Settings, nursery: Nursery) -> None:
        self.settings, self.nursery = settings, nursery
        self.started: list[Forked] = []

    def start(self, *, checkpoint: float = 0.2) -> Forked:
        """One more worker."""
        environment = os.environ | {
            "ANTIGRAD_HOME": str(self.settings.home),
            "ANTIGRAD_DATABASE_URL": self.settings.database_url,
            "ANTIGRAD_FILES_URL": self.settings.files_url,
            "ANTIGRAD_HEARTBEAT_SECONDS": "1",
            "ANTIGRAD_CHECKPOINT_SECONDS": str(checkpoint),
        }
        self.started.append(self.nursery.start(environment))
        return self.started[-1]

    def stop(self) -> None:
        for process in self.started:
            process.stdin.close()
        for process in self.started:
            process.wait(120)


@pytest.fixture(scope="session")
def nursery() -> Iterator[Nursery]:
    nursery = Nursery()
    yield nursery
    nursery.close()


@pytest.fixture
def workers(client: TestClient, settings: Settings, nursery: Nursery) -> Iterator[Workers]:
    workers = Workers(settings, nursery)
    yield workers
    workers.stop()


@pytest.fixture
def worker(workers: Workers) -> Forked:
    return workers.start()
