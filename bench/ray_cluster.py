"""A Ray cluster compared with a plain worker, and the loss of one of its nodes during many small runs.

A worker and the cluster train a run of one minute in turns. Time is measured from the request to the result, after the
cluster has started its worker. Then two nodes train 1,000 runs, and one node is killed in the middle: each run has to
succeed.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from fastapi.testclient import TestClient

from app.settings import Settings
from bench.report import figure
from bench.service import ended
from tests.support.object_store import ObjectStore
from tests.support.postgres import Postgres
from tests.support.ray_cluster import RayCluster
from tests.support.runs import SMALL
from tests.support.services import client_of

MINUTE = {"dataset": "digits", "batch_size": 64, "device": "cpu", "stop": {"max_epochs": 10**6, "max_steps": 60_000}}
ROUNDS, MANY = 3, 1000


@contextmanager
def worker(environment: dict[str, str], *options: str) -> Iterator[None]:
    """A worker's process with these options, which ends with its standard input."""
    command = [sys.executable, "-m", "worker", "--until-stdin-closes", *options]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment)
    assert process.stdin is not None
    try:
        yield
    finally:
        process.stdin.close()
        process.wait(300)


def seconds(client: TestClient, request: dict[str, object]) -> float:
    """Time from the request for a run to its result."""
    began = time.monotonic()
    answer = ended(client, client.post("/runs", json=request).json()["id"])
    assert answer["status"] == "succeeded", answer
    return time.monotonic() - began


def lost(client: TestClient, cluster: RayCluster, homes: list[Path]) -> int:
    """Number of runs that did not end as they should, of many during which a node is killed."""
    runs = [client.post("/runs", json=SMALL | {"seed": seed}).json()["id"] for seed in range(MANY)]
    ended(client, runs[MANY // 3])
    cluster.kill_node(homes[0])
    over = [ended(client, run) for run in runs]
    return sum(run["status"] != "succeeded" for run in over)


def main() -> None:
    postgres, store = Postgres(), ObjectStore()
    with tempfile.TemporaryDirectory() as folder:
        files = f"s3://{store.new_bucket()}/antigrad"
        settings = Settings(home=Path(folder) / "api", database_url=postgres.new_database(), files_url=files,
                            _env_file=None)  # fmt: skip
        storage = {"ANTIGRAD_DATABASE_URL": settings.database_url, "ANTIGRAD_FILES_URL": settings.files_url}
        with client_of(settings) as client, RayCluster(Path(folder), ANTIGRAD_THREADS="1", **storage) as cluster:
            homes = [cluster.add_node() for _ in range(2)]
            plain = cluster.environment | {"ANTIGRAD_HOME": f"{folder}/worker"}
            on_cluster = ("--executor", "ray", "--ray-address", cluster.address, "--concurrency", "2")
            times: dict[str, list[float]] = {"worker": [], "cluster": []}
            for _ in range(ROUNDS):
                for name, options in (("worker", ()), ("cluster", on_cluster)):
                    with worker(plain, *options):
                        seconds(client, SMALL)  # the worker is there
                        times[name].append(seconds(client, MINUTE))
            alone, beside = (statistics.median(times[name]) for name in ("worker", "cluster"))
            figure("a run by a worker", alone, "s")
            figure("a run on the cluster, of that", beside / alone, "×", at_most=1.05)
            with worker(plain, *on_cluster):
                figure(f"of {MANY} runs lost with a node", lost(client, cluster, homes), "runs", at_most=0)
    store.close()
    postgres.close()
