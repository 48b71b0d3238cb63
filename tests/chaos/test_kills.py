"""`kill -9` of any process at any moment: the run continues, and its result has the same bits as without the kill."""

import os
import random
import signal
import sqlite3
import time
from pathlib import Path

import psycopg
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from app.storage.database import Database
from app.storage.tables import Run
from tests.support.processes import children, of_warm_server, until
from tests.support.runs import REQUEST, ended, outcome, until_step
from tests.support.services import Service
from tests.support.workers import Workers

pytestmark = pytest.mark.sql

AUGMENTED = REQUEST | {"augment": {"shift": 0.1, "rotate": 10, "noise": 0.05, "erase": 0.1}}  # random steps
RUNS = int(os.environ.get("CHAOS_RUNS", "10"))  # on each database; `make chaos` asks for 100
SEEDS = [seed if seed == 0 else pytest.param(seed, marks=pytest.mark.long) for seed in range(RUNS)]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_killed_child_or_worker_loses_no_step(client: TestClient, workers: Workers, seed: int) -> None:
    chance = random.Random(seed)
    request = AUGMENTED if seed % 2 else REQUEST
    undisturbed = client.post("/runs", json=request).json()["id"]
    worker = workers.start()
    assert ended(client, undisturbed)["status"] == "succeeded"
    run = client.post("/runs", json=request).json()["id"]
    kills = 0
    for step in sorted(chance.sample(range(1, 2000), chance.randint(1, 5))):
        until_step(client, run, step)
        if chance.random() < 0.5 and (found := children(worker.pid)):
            os.kill(found[0], signal.SIGKILL)
        else:
            worker.kill()
            worker.wait()
            worker = workers.start()
        kills += 1
        time.sleep(0.3)
    found = ended(client, run)
    assert found["status"] == "succeeded", found["error"]
    assert 2 <= found["attempt"] <= 1 + kills  # a worker may die before it claims a run
    assert outcome(client, run) == outcome(client, undisturbed)


def freeze(database: Database, run: str, *processes: int) -> None:
    """Stop processes between two transactions, so that they hold no lock."""
    while True:
        for process in processes:
            os.kill(process, signal.SIGSTOP)
        if is_free(database, run):
            return
        for process in processes:
            os.kill(process, signal.SIGCONT)
        time.sleep(0.05)


def is_free(database: Database, run: str) -> bool:
    """True if the run's row can be written at once: a frozen SQLite reader blocks every commit."""
    short, begin = (
        ("PRAGMA busy_timeout=200", "BEGIN EXCLUSIVE")
        if database.is_sqlite
        else ("SET lock_timeout=200", f"SELECT 1 FROM runs WHERE id = '{run}' FOR UPDATE")
    )
    connection = None
    try:
        connection = database.engine.raw_connection()
        cursor = connection.cursor()
        cursor.execute(short)
        cursor.execute(begin)
    except (sqlite3.OperationalError, psycopg.OperationalError):
        return False
    else:
        connection.rollback()
        return True
    finally:
        if connection is not None:
            connection.invalidate()  # do not return a connection with this timeout to the pool


def let_expire(database: Database, run: str) -> None:
    """Let the lease expire, as without a heartbeat."""
    with database.write() as db:
        db.execute(update(Run).where(Run.id == run).values(lease_expires_at=0))


def test_a_frozen_worker_that_comes_back_changes_nothing(
    client: TestClient, workers: Workers, service: Service
) -> None:
    database = service.database
    frozen = workers.start()
    run = client.post("/runs", json=REQUEST).json()["id"]
    until_step(client, run, 1)
    freeze(database, run, frozen.pid, *children(frozen.pid))
    let_expire(database, run)
    second = workers.start()
    found = ended(client, run)
    assert found["status"] == "succeeded" and found["attempt"] == 2
    before = client.get(f"/runs/{run}").json(), outcome(client, run)
    thawed = children(frozen.pid)
    for process in (frozen.pid, *thawed):
        os.kill(process, signal.SIGCONT)
    while set(thawed) & set(of_warm_server(frozen.pid)):  # they notice the lost lease and exit
        time.sleep(0.02)
    assert (client.get(f"/runs/{run}").json(), outcome(client, run)) == before
    assert second.poll() is None


def test_a_child_that_hears_nothing_is_cancelled_within_its_grace_even_while_it_should_pause(
    client: TestClient, workers: Workers, service: Service
) -> None:
    worker = workers.start()
    run = client.post("/runs", json=REQUEST | {"stop": {"max_epochs": 10**6}}).json()["id"]
    until_step(client, run, 1)
    freeze(service.database, run, *children(worker.pid))
    client.post(f"/runs/{run}/pause")
    time.sleep(1)  # the worker has sent the order by now; it would wait 10 s
    assert client.post(f"/runs/{run}/resume").json()["detail"].startswith("the run is about to be paused")
    asked = time.monotonic()
    assert client.post(f"/runs/{run}/cancel").json()["status"] == "running"
    found = ended(client, run)
    assert found["status"] == found["stop_reason"] == "cancelled" and found["finished_at"]
    assert time.monotonic() - asked < 5


def test_a_run_whose_worker_fell_silent_waits_for_everybody(
    client: TestClient, workers: Workers, service: Service
) -> None:
    database = service.database
    frozen = workers.start()
    first, second, third = (client.post("/runs", json=REQUEST | {"priority": 2 - i}).json()["id"] for i in range(3))
    until_step(client, first, 1)
    freeze(database, first, frozen.pid, *children(frozen.pid))
    let_expire(database, first)
    assert client.get(f"/runs/{first}").json()["status"] == "queued"
    listed = {run["id"]: run["queue"]["position"] for run in client.get("/runs?status=queued").json()["items"]}
    assert listed == {first: 1, second: 2, third: 3}
    assert client.get("/runs?status=running").json()["items"] == []
    assert client.post(f"/runs/{first}/pause").json()["status"] == "paused"
    assert client.post(f"/runs/{first}/resume").json()["status"] == "queued"
    assert client.post(f"/runs/{first}/cancel").json()["status"] == "cancelled"
    os.kill(frozen.pid, signal.SIGCONT)
    assert ended(client, second)["status"] == "succeeded"  # it has killed the frozen child and continues
    assert client.get(f"/runs/{first}").json()["status"] == "cancelled"
    assert client.delete(f"/runs/{first}").status_code == 204


def test_sigterm_hands_the_run_back_at_once(client: TestClient, workers: Workers) -> None:
    first = workers.start()
    run = client.post("/runs", json=REQUEST).json()["id"]
    until_step(client, run, 1)
    first.terminate()
    assert first.wait(10) == 0
    assert client.get(f"/runs/{run}").json()["status"] == "queued"
    workers.start()
    assert ended(client, run)["status"] == "succeeded"
    assert outcome(client, run)[0] == list(range(1, 40 * 72 + 1))


def test_no_child_outlives_its_worker(client: TestClient, workers: Workers) -> None:
    worker = workers.start()
    run = client.post("/runs", json=REQUEST).json()["id"]
    until_step(client, run, 1)
    while len(found := of_warm_server(worker.pid)) < 2:  # the child that trains and the idle one
        time.sleep(0.02)
    worker.kill()
    until(lambda: not any(Path(f"/proc/{pid}").exists() for pid in found))


def test_a_child_that_dies_three_times_without_a_checkpoint_fails_with_its_reason(
    client: TestClient, workers: Workers
) -> None:
    worker = workers.start(checkpoint=1000)
    run = client.post("/runs", json=REQUEST | {"stop": {"max_epochs": 10**6}}).json()["id"]
    for attempt in (1, 2, 3):
        while not (found := children(worker.pid)) or client.get(f"/runs/{run}").json()["attempt"] != attempt:
            time.sleep(0.02)
        os.kill(found[0], signal.SIGKILL)
        time.sleep(0.2)
    run_now = ended(client, run)
    assert run_now["status"] == "failed"
    assert "SIGKILL" in run_now["error"]["message"]
    assert run_now["attempt"] == 3
