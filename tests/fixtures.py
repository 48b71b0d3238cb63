"""Fixtures for tests of a service: a new home and database, the real app, real worker processes."""

import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
import torch
from fastapi.testclient import TestClient

from app.constants import SETTINGS_PREFIX
from app.settings import Settings
from tests.support.commands import serving
from tests.support.fork_server import Forked, fork_server
from tests.support.object_store import ObjectStore
from tests.support.postgres import Postgres
from tests.support.services import Service, Template, client_of
from tests.support.workers import Workers

torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))  # by itself PyTorch takes at most the cores


@pytest.fixture(scope="session", autouse=True)
def end_fork_server() -> Iterator[None]:
    yield
    if fork_server.cache_info().currsize:
        fork_server().close()


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


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Template:
    return Template(tmp_path_factory.mktemp("service"))


@pytest.fixture(params=["sqlite", "postgres"])
def settings(tmp_path: Path, request: pytest.FixtureRequest) -> Settings:
    """Settings with an empty home and database, or with copies of a started service if the test uses `client`."""
    home, url = tmp_path / "home", ""
    if "client" in request.fixturenames:
        template: Template = request.getfixturevalue("template")
        template.fill(home)
        if request.param == "postgres":
            url = template.database(request.getfixturevalue("postgres"))
    elif request.param == "postgres":
        url = request.getfixturevalue("postgres").new_database()
    return Settings(home=home, database_url=url, checkpoint_seconds=0.2, _env_file=None)


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    with client_of(settings) as client:
        yield client


@pytest.fixture
def service(client: TestClient) -> Service:
    return Service.of(client)


@pytest.fixture(scope="session")
def quick_client(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """One service for all tests that only read, or change nothing that affects other tests."""
    with template.client(tmp_path_factory.mktemp("quick") / "home") as client:
        yield client


@pytest.fixture(scope="session")
def quick_service(quick_client: TestClient) -> Service:
    return Service.of(quick_client)


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of one `antigrad serve` with a worker, for all commands of documents and users."""
    with serving(tmp_path_factory.mktemp("home")) as address:
        yield address


@pytest.fixture(autouse=True)
def keep_settings() -> Iterator[None]:
    """Fail a test that leaves other settings in the environment than it found: later processes would take them."""
    before = settings_of_environment()
    yield
    assert settings_of_environment() == before


def settings_of_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name.upper().startswith(SETTINGS_PREFIX)}


@pytest.fixture(autouse=True)
def leave_no_trace(request: pytest.FixtureRequest) -> Iterator[None]:
    """End the runs and delete the models that a test leaves on the shared service.

    The next test's runs would wait for these runs, and its model of the same name may have other classes.
    """
    if "address" not in request.fixturenames:
        yield
        return
    with httpx.Client(base_url=f"http://{request.getfixturevalue('address')}") as service:
        earlier = names_of_models(service)
        yield
        for status in ("queued", "running", "paused"):
            service.post("/runs/cancel", params={"status": status})
        for name in names_of_models(service) - earlier:
            service.delete(f"/models/{name}").raise_for_status()


def names_of_models(service: httpx.Client) -> set[str]:
    return {model["name"] for model in service.get("/models").raise_for_status().json()["items"]}


@pytest.fixture
def workers(client: TestClient, settings: Settings) -> Iterator[Workers]:
    workers = Workers(settings)
    yield workers
    workers.stop()


@pytest.fixture
def worker(workers: Workers) -> Forked:
    return workers.start()
