"""A full disk, or an unavailable database or object store: a run waits or fails with its reason, and later runs
work."""

import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.settings import Settings
from app.storage.files.tree import files_below
from tests.support.archives import letters, zipped
from tests.support.fork_server import fork_server
from tests.support.object_store import ObjectStore
from tests.support.postgres import Postgres
from tests.support.runs import REQUEST, ended, outcome, until_step
from tests.support.services import client_of
from tests.support.uploads import settled, upload
from tests.support.workers import Workers

LARGE = {"model": {"layers": [{"type": "linear", "units": 4096}, {"type": "relu"}]}, "stop": {"max_epochs": 3}}
LIMIT = 8 * 2**20  # more than a small run and the database need, less than the large run's weights


@contextmanager
def small_files() -> Iterator[None]:
    """Let the kernel refuse larger files to the processes that the tests start meanwhile, and to all that they fork."""
    server = fork_server().process.pid
    before = resource.prlimit(server, resource.RLIMIT_FSIZE, (LIMIT, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        resource.prlimit(server, resource.RLIMIT_FSIZE, before)


def test_a_run_that_the_disk_cannot_hold_fails_with_its_reason_and_the_next_one_succeeds(
    client: TestClient, workers: Workers
) -> None:
    with small_files():
        workers.start()
    run = client.post("/runs", json=REQUEST | LARGE).json()["id"]
    found = ended(client, run)
    assert found["status"] == "failed"
    assert "File too large" in found["error"]["message"] and "check the disk" in found["error"]["message"]
    assert found["progress"]["step"] > 1  # the progress is kept
    assert [path for path in files_below(workers.settings.files / "runs" / run) if path.suffix == ".part"] == []
    after = client.post("/runs", json=REQUEST | {"stop": {"max_epochs": 1}}).json()["id"]
    assert ended(client, after)["status"] == "succeeded"


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.close()


def test_a_database_that_goes_away_for_a_while_costs_no_step(own_postgres: Postgres, tmp_path: Path) -> None:
    url = own_postgres.new_database()
    settings = Settings(home=tmp_path / "home", database_url=url, checkpoint_seconds=0.2, _env_file=None)
    workers = Workers(settings)
    with client_of(settings) as client:
        try:
            workers.start()
            undisturbed = client.post("/runs", json=REQUEST).json()["id"]
            assert ended(client, undisturbed)["status"] == "succeeded"
            run = client.post("/runs", json=REQUEST).json()["id"]
            until_step(client, run, 200)
            own_postgres.stop()
            answer = client.get(f"/runs/{run}")
            assert answer.status_code == 503 and answer.headers["Retry-After"]
            assert client.get("/healthz").status_code == 200 and client.get("/readyz").status_code == 503
            time.sleep(1)
            own_postgres.start()
            found = ended(client, run)
            assert found["status"] == "succeeded" and found["attempt"] == 1  # it waited
            assert outcome(client, run) == outcome(client, undisturbed)
            after = client.post("/runs", json=REQUEST).json()["id"]
            assert ended(client, after)["status"] == "succeeded"
        finally:
            workers.stop()


@pytest.fixture
def shared(tmp_path: Path, postgres: Postgres, object_store: ObjectStore) -> Settings:
    """A service with its files in an object store."""
    return Settings(
        home=tmp_path / "home",
        database_url=postgres.new_database(),
        files_url=f"s3://{object_store.new_bucket()}",
        _env_file=None,
    )


@pytest.mark.long
def test_an_object_store_that_goes_away_for_a_while_costs_no_step(
    shared: Settings, object_store: ObjectStore, tmp_path: Path
) -> None:
    workers = Workers(shared.model_copy(update={"home": tmp_path / "elsewhere"}))
    with client_of(shared) as client:
        try:
            worker = workers.start()
            undisturbed = client.post("/runs", json=REQUEST).json()["id"]
            assert ended(client, undisturbed)["status"] == "succeeded"
            run = client.post("/runs", json=REQUEST).json()["id"]
            until_step(client, run, 200)
            picture = client.get("/datasets/digits/images/3.png").content
            object_store.door.shut()

            ready = client.get("/readyz")
            assert ready.status_code == 503 and "the object store does not answer" in ready.json()["detail"]
            assert client.get("/healthz").status_code == 200
            assert client.get(f"/runs/{run}").status_code == 200
            weights = client.get(f"/runs/{undisturbed}/weights")
            assert weights.status_code == 503 and weights.headers["Retry-After"]
            assert weights.headers["content-type"] == "application/problem+json"
            image = {"content": picture, "headers": {"Content-Type": "image/png"}}
            assert client.post(f"/predict?run={undisturbed}", **image).status_code == 503
            assert upload(client, "letters", zipped(letters())).status_code == 503
            assert client.get("/datasets/letters").status_code == 404
            assert client.post("/runs", json={"dataset": "notmnist"}).status_code == 503  # not cached on this machine
            later = client.post("/runs", json=REQUEST | {"seed": 1}).json()["id"]  # this dataset is cached
            until_step(client, run, client.get(f"/runs/{run}").json()["progress"]["max_steps"])
            assert client.get(f"/runs/{run}").json()["status"] == "running"  # it waits to write its weights

            object_store.door.open()
            found = ended(client, run)
            assert found["status"] == "succeeded" and found["attempt"] == 1
            assert outcome(client, run) == outcome(client, undisturbed)
            assert ended(client, later)["status"] == "succeeded"
            assert client.get("/readyz").status_code == 200
            assert client.post(f"/predict?run={run}", **image).status_code == 200
            upload(client, "letters", zipped(letters()))
            assert settled(client, "letters")["status"] == "ready"
            assert worker.poll() is None
        finally:
            object_store.door.shut()
            object_store.door.open()
            workers.stop()


@pytest.mark.long
def test_a_run_whose_worker_dies_while_the_store_is_away_goes_on_when_it_is_back(
    shared: Settings, object_store: ObjectStore
) -> None:
    workers = Workers(shared)
    with client_of(shared) as client:
        try:
            worker = workers.start()
            run = client.post("/runs", json=REQUEST | {"stop": {"max_epochs": 200}}).json()["id"]
            while not client.get(f"/runs/{run}/checkpoints").json()["items"]:
                time.sleep(0.05)
            object_store.door.shut()
            worker.kill()
            worker.wait()
            second = workers.start()
            while client.get(f"/runs/{run}").json()["attempt"] < 2:
                time.sleep(0.05)
            time.sleep(1)
            assert client.get(f"/runs/{run}").json()["status"] == "running"  # it waits to read its checkpoint
            object_store.door.open()
            found = ended(client, run)
            assert found["status"] == "succeeded" and found["attempt"] == 2
            assert second.poll() is None
        finally:
            object_store.door.shut()
            object_store.door.open()
            workers.stop()


def test_what_waits_for_a_store_that_is_away_can_be_cancelled(shared: Settings, object_store: ObjectStore) -> None:
    workers = Workers(shared.model_copy(update={"home": shared.home.parent / "elsewhere"}))
    with client_of(shared) as client:
        try:
            run = client.post("/runs", json=REQUEST).json()["id"]
            object_store.door.shut()
            workers.start()
            while client.get(f"/runs/{run}").json()["status"] != "running":
                time.sleep(0.05)
            client.post(f"/runs/{run}/cancel")
            assert ended(client, run)["status"] == "cancelled"
        finally:
            object_store.door.open()
            workers.stop()


def test_a_run_that_waits_to_write_its_weights_shows_its_last_step(shared: Settings, object_store: ObjectStore) -> None:
    """And can be cancelled. No checkpoint falls due, since each commits the points that are recorded so far."""
    workers = Workers(shared.model_copy(update={"home": shared.home.parent / "elsewhere"}))
    with client_of(shared) as client:
        try:
            run = client.post("/runs", json=REQUEST).json()["id"]
            workers.start(checkpoint=600)
            until_step(client, run, 1)
            object_store.door.shut()
            until_step(client, run, client.get(f"/runs/{run}").json()["progress"]["max_steps"])
            assert client.get(f"/runs/{run}").json()["status"] == "running"
            client.post(f"/runs/{run}/cancel")
            assert ended(client, run)["status"] == "cancelled"
        finally:
            object_store.door.open()
            workers.stop()
