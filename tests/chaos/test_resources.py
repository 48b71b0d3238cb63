"""A disk that is full and a database that goes away: a run waits, or fails with its reason, and later work goes on."""

import resource
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.chaos.test_kills import REQUEST, outcome, until_step
from tests.conftest import Workers
from tests.postgres import Postgres
from tests.test_main_job import ended

LARGE = {"model": {"layers": [{"type": "linear", "units": 4096}, {"type": "relu"}]}, "stop": {"max_epochs": 3}}
LIMIT = 8 * 2**20  # more than a small run and the database need, less than the large one's weights


def test_a_run_that_the_disk_cannot_hold_fails_with_its_reason_and_the_next_one_succeeds(
    client: TestClient, workers: Workers
) -> None:
    worker = workers.start()
    warm = client.post("/runs", json=REQUEST | {"stop": {"max_steps": 1}}).json()["id"]
    assert ended(client, warm)["status"] == "succeeded"
    for process in family(worker.pid):  # from here on the kernel refuses to write a larger file
        resource.prlimit(process, resource.RLIMIT_FSIZE, (LIMIT, resource.RLIM_INFINITY))
    run = client.post("/runs", json=REQUEST | LARGE).json()["id"]
    found = ended(client, run)
    assert found["status"] == "failed"
    assert "File too large" in found["error"]["message"] and "see to the disk" in found["error"]["message"]
    assert found["progress"]["step"] > 1  # and where it had got to
    assert list(Path(workers.settings.files).glob(f"runs/{run}/**/.*.part")) == []  # nothing half-written stays
    after = client.post("/runs", json=REQUEST | {"stop": {"max_epochs": 1}}).json()["id"]
    assert ended(client, after)["status"] == "succeeded"


def family(pid: int) -> list[int]:
    """A process, and all that it has started."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(found for child in children for found in family(int(child)))]


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    server = Postgres()
    yield server
    server.close()


def test_a_database_that_goes_away_for_a_while_costs_no_step(own_postgres: Postgres, tmp_path: Path) -> None:
    url = own_postgres.new_database()
    settings = Settings(home=tmp_path / "home", database_url=url, checkpoint_seconds=0.2, _env_file=None)
    workers = Workers(settings)
    with TestClient(create_app(settings)) as client:
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
            time.sleep(2)
            own_postgres.start()
            found = ended(client, run)
            assert found["status"] == "succeeded" and found["attempt"] == 1  # it waited
            assert outcome(client, run) == outcome(client, undisturbed)
            after = client.post("/runs", json=REQUEST).json()["id"]
            assert ended(client, after)["status"] == "succeeded"
        finally:
            workers.stop()
