"""Training on a Ray cluster: real nodes, which are killed."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from app.settings import Settings
from tests.support.commands import command
from tests.support.object_store import ObjectStore
from tests.support.postgres import Postgres
from tests.support.processes import until
from tests.support.ray_cluster import RayCluster
from tests.support.runs import ENDLESS, SMALL, ended, outcome
from tests.support.workers import Workers

Dispatch = Callable[[], "subprocess.Popen[bytes]"]
LONG = {"dataset": "digits", "batch_size": 8, "stop": {"max_epochs": 150}, "device": "cpu"}


@pytest.fixture
def settings(tmp_path: Path, postgres: Postgres, object_store: ObjectStore) -> Settings:
    files = f"s3://{object_store.new_bucket()}/antigrad"
    return Settings(home=tmp_path / "home", database_url=postgres.new_database(), files_url=files, _env_file=None)


@pytest.fixture
def storage(settings: Settings) -> dict[str, str]:
    return {"ANTIGRAD_DATABASE_URL": settings.database_url, "ANTIGRAD_FILES_URL": settings.files_url}


@pytest.fixture
def cluster(tmp_path: Path, storage: dict[str, str]) -> Iterator[RayCluster]:
    beats = {"ANTIGRAD_LEASE_SECONDS": "6", "ANTIGRAD_HEARTBEAT_SECONDS": "1", "ANTIGRAD_CHECKPOINT_SECONDS": "0.2"}
    with RayCluster(tmp_path, **storage, **beats) as cluster:
        yield cluster


@pytest.fixture
def dispatch(cluster: RayCluster, tmp_path: Path) -> Iterator[Dispatch]:
    """Start the process that keeps workers on the cluster."""
    started: list[subprocess.Popen[bytes]] = []

    def dispatch() -> "subprocess.Popen[bytes]":
        options = ["--executor", "ray", "--ray-address", cluster.address, "--concurrency", "2", "--until-stdin-closes"]
        environment = cluster.environment | {"ANTIGRAD_HOME": str(tmp_path / "dispatcher")}
        command = [sys.executable, "-m", "worker", *options]  # not forked: Ray derives a class from Popen
        started.append(subprocess.Popen(command, stdin=subprocess.PIPE, env=environment))
        return started[-1]

    yield dispatch
    for process in started:
        assert process.stdin is not None
        process.stdin.close()
        process.wait(120)


def test_sqlite_cannot_be_shared_with_a_cluster(tmp_path: Path) -> None:
    refused = command("worker", "--executor", "ray", ANTIGRAD_HOME=str(tmp_path / "home"))
    assert refused.returncode == 1 and "ANTIGRAD_DATABASE_URL" in refused.stderr and "Traceback" not in refused.stderr


@pytest.mark.long
def test_a_run_survives_its_node(client: TestClient, cluster: RayCluster, dispatch: Dispatch, workers: Workers) -> None:
    workers.start()
    undisturbed = client.post("/runs", json=LONG).json()["id"]
    assert ended(client, undisturbed)["status"] == "succeeded"
    workers.stop()

    first = cluster.add_node()
    dispatch()
    run = client.post("/runs", json=LONG).json()["id"]
    until(lambda: bool(client.get(f"/runs/{run}/checkpoints").json()["items"]))
    cluster.kill_node(first)
    cluster.add_node()
    over = ended(client, run)
    assert over["status"] == "succeeded" and over["attempt"] == 2, over
    assert outcome(client, run) == outcome(client, undisturbed)


@pytest.mark.long
def test_no_run_is_lost_with_a_node(client: TestClient, cluster: RayCluster, dispatch: Dispatch) -> None:
    homes = [cluster.add_node() for _ in range(2)]
    dispatch()
    runs = [client.post("/runs", json=SMALL | {"seed": seed}).json()["id"] for seed in range(30)]
    ended(client, runs[0])
    cluster.kill_node(homes[0])
    over = [ended(client, run) for run in runs]
    assert [run["status"] for run in over] == ["succeeded"] * len(runs)
    steps = {client.get(f"/runs/{run}/curve.csv").text.count("\n") for run in runs}
    assert len(steps) == 1  # no step is lost, and none recorded twice


@pytest.mark.long
def test_a_pool_that_stops_hands_its_runs_back(client: TestClient, cluster: RayCluster, dispatch: Dispatch) -> None:
    cluster.add_node()
    pool = dispatch()
    run = client.post("/runs", json=ENDLESS).json()["id"]
    until(lambda: client.get(f"/runs/{run}").json()["status"] == "running")
    pool.terminate()
    assert pool.wait(120) == 0
    assert client.get(f"/runs/{run}").json()["status"] == "queued"
    assert client.get("/workers").json()["items"] == []


@pytest.mark.long
def test_a_node_with_other_storage_trains_nothing_and_says_so(
    client: TestClient, cluster: RayCluster, dispatch: Dispatch, capfd: pytest.CaptureFixture[str]
) -> None:
    cluster.add_node(ANTIGRAD_FILES_URL="s3://another/antigrad")
    dispatch()
    run = client.post("/runs", json=SMALL).json()["id"]
    said = ""

    def has_said_so() -> bool:
        nonlocal said
        said += capfd.readouterr().err
        return "uses another database or object store" in said

    until(has_said_so)
    assert client.get(f"/runs/{run}").json()["status"] == "queued"
