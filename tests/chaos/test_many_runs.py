"""Two API processes and four workers on one Postgres: every run is executed once, without errors in the logs."""

import collections
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from tests.support.postgres import Postgres
from tests.support.processes import free_port

SHORT = {
    "dataset": "digits",
    "model": {"layers": []},
    "batch_size": "full",
    "stop": {"max_steps": 3},
    "device": "cpu",
}


@pytest.fixture
def two_services(tmp_path: Path, postgres: Postgres) -> Iterator[tuple[list[httpx.Client], Path]]:
    """Clients of two API processes, and the log of all processes."""
    log = tmp_path / "log"
    environment = os.environ | {
        "ANTIGRAD_HOME": str(tmp_path / "home"),
        "ANTIGRAD_DATABASE_URL": postgres.new_database(),
    }
    commands = [("app.cli.main", "serve", "--workers", "0", "--port", str(free_port())) for _ in range(2)]
    commands += [("worker", "--concurrency", "1")] * 4
    with log.open("wb") as output:
        processes = [
            subprocess.Popen([sys.executable, "-m", *command], env=environment, stdout=output, stderr=output)
            for command in commands
        ]
        clients = [httpx.Client(base_url=f"http://127.0.0.1:{command[-1]}", timeout=60) for command in commands[:2]]
        try:
            for client in clients:
                until_ready(client)
            yield clients, log
        finally:
            for process in processes:
                process.terminate()
            for process in processes:
                process.wait(60)
            for client in clients:
                client.close()


def until_ready(client: httpx.Client) -> None:
    deadline = time.monotonic() + 60
    while True:
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            assert time.monotonic() < deadline
        time.sleep(0.1)


@pytest.mark.long
@pytest.mark.timeout(1800)  # on a busy machine; it ends early if no run does
def test_two_hundred_runs_are_each_executed_once(two_services: tuple[list[httpx.Client], Path]) -> None:
    clients, log = two_services

    def post(index: int) -> str:
        answer = clients[index % 2].post("/runs", json=SHORT | {"seed": index})
        assert answer.status_code == 202, answer.text
        return answer.json()["id"]

    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(post, range(200)))
    succeeded = 0
    while succeeded < 200:
        before, deadline = succeeded, time.monotonic() + 240
        while succeeded == before:
            assert time.monotonic() < deadline, (succeeded, clients[0].get("/workers").text)
            time.sleep(0.5)
            done = clients[0].get("/runs", params={"status": "succeeded", "limit": 200})
            succeeded = len(done.json()["items"])
    items = clients[1].get("/runs", params={"limit": 200}).json()["items"]
    assert collections.Counter(item["id"] for item in items) == collections.Counter(made)
    assert {(item["status"], item["attempt"], item["progress"]["step"]) for item in items} == {("succeeded", 1, 3)}
    assert len({item["worker"] for item in items}) == 4
    for run in made[::20]:
        assert clients[0].get(f"/runs/{run}/curve").json()["series"]["train.loss"]["step"] == [1, 2, 3]
    complaints = [line for line in log.read_text().splitlines() if "rror" in line or "Traceback" in line]
    assert complaints == []
