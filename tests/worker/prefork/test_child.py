"""A child is ready before there is a job for it."""

import os
import signal
import time

import psutil
from fastapi.testclient import TestClient

from tests.support.processes import children, has_job, of_warm_server
from tests.support.runs import ended
from tests.support.workers import Workers

SHORT = {"dataset": "digits", "stop": {"max_steps": 3}}
ENDLESS = {"dataset": "digits", "stop": {"max_epochs": 10**6}}


def ready(worker: int) -> int:
    """The idle child, once there is one."""
    while not (found := [pid for pid in of_warm_server(worker) if not has_job(pid)]):
        time.sleep(0.02)
    return found[0]


def test_the_child_that_waited_does_the_next_run_and_another_one_stands_ready(
    client: TestClient, workers: Workers
) -> None:
    worker = workers.start()
    waiting = ready(worker.pid)
    run = client.post("/runs", json=ENDLESS).json()["id"]
    while not children(worker.pid):
        time.sleep(0.02)
    assert children(worker.pid) == [waiting]
    assert ready(worker.pid) != waiting
    client.post(f"/runs/{run}/cancel")
    assert ended(client, run)["status"] == "cancelled"


def test_a_run_does_not_need_the_child_that_waited(client: TestClient, workers: Workers) -> None:
    worker = workers.start()
    os.kill(ready(worker.pid), signal.SIGKILL)
    time.sleep(0.5)
    assert of_warm_server(worker.pid) == []  # a child that cannot start is not forked again and again
    for _ in range(2):
        run = client.post("/runs", json=SHORT).json()["id"]
        found = ended(client, run)
        assert (found["status"], found["attempt"]) == ("succeeded", 1)


def test_a_worker_that_leaves_waits_for_the_child_that_waited(workers: Workers) -> None:
    worker = workers.start()
    waiting = ready(worker.pid)
    os.kill(waiting, signal.SIGSTOP)  # so that it reacts late
    worker.terminate()
    time.sleep(0.5)
    assert worker.poll() is None
    os.kill(waiting, signal.SIGCONT)
    assert worker.wait() == 0
    assert not psutil.pid_exists(waiting)
