"""Predictions that share the processor: with a training, and with a batch of predictions in the background.

A training loses no more than its share: of the cores, it keeps what the server and its client leave. Both have a higher
priority, and their seconds of processor time are measured. So its fair share is 1 − (these seconds) / (seconds · cores)
of its steps/s alone.

A batch fills gaps. Paced clients ask for `LIVE` of the requests/s that the service can answer; beside them, 1 − `LIVE`
of the batch's examples/s alone is idle.
"""

import math
import os
import resource
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any, TypeVar

import httpx

from bench.report import figure
from bench.service import ended
from bench.wrk import CONNECTIONS, ROUNDS, SECONDS, Measured, Service

LIVE = 1 / 3  # of the capacity
BATCHES = 40  # more than end within `SECONDS`

A, B = TypeVar("A"), TypeVar("B")


def beside_training(service: Service, picture: bytes) -> None:
    """The requests/s that are left beside a training, and the steps/s that are left to it."""
    client, idle = service.client, service.load(picture).rate
    long = {"dataset": "notmnist", "stop": {"max_epochs": 10**6, "max_seconds": 600}}
    run = client.post("/runs", json=long).json()["id"]
    while _progress(client, run).get("step", 0) < 100:
        time.sleep(0.1)
    busy, kept, of_share = [], [], []
    for _ in range(ROUNDS):
        alone = _steps_per_second(client, run)
        before = _processor_seconds(service)
        loaded, beside = _together(lambda: service.load(picture), lambda: _steps_per_second(client, run))
        used = (_processor_seconds(service) - before) / (SECONDS * (os.cpu_count() or 1))
        busy.append(loaded.rate / idle)
        kept.append(beside / alone)
        of_share.append(kept[-1] / (1 - used))
    client.post(f"/runs/{run}/cancel")
    ended(client, run)
    figure("/predict beside a training : idle", statistics.median(busy), "×", at_least=1 / 3)
    figure(f"steps/s beside {CONNECTIONS} connections : alone", statistics.median(kept), "×")
    figure("steps/s beside the connections : the fair share", statistics.median(of_share), "×", at_least=0.9)


def beside_batch(service: Service, picture: bytes) -> None:
    """The time of live predictions beside a batch, and the examples/s that are left to it."""
    client, capacity = service.client, service.load(picture).rate
    network = {"dataset": "notmnist", "model": {"preset": "lenet"}, "stop": {"max_epochs": 1}}
    run = client.post("/runs", json=network).json()["id"]
    ended(client, run)

    def paced() -> Measured:
        return service.load(picture, rate=LIVE * capacity)

    slower, kept = [], []
    for _ in range(ROUNDS):
        quiet, alone = paced(), _examples_per_second(client, _queued(client, run))
        batches = _queued(client, run)
        busy, beside = _together(paced, lambda: _examples_per_second(client, batches))  # noqa: B023
        slower.append(busy.slow / quiet.slow)
        kept.append(beside / (alone * (1 - quiet.rate / capacity)))
    figure("paced, 99th percentile with a batch beside : without", statistics.median(slower), "×", at_most=1.2)
    figure("examples/s of a batch beside : of what is idle", statistics.median(kept), "×", at_least=0.8)


def _together(first: Callable[[], A], second: Callable[[], B]) -> tuple[A, B]:
    with ThreadPoolExecutor(1) as pool:
        of_first = pool.submit(first)
        of_second = second()
        return of_first.result(), of_second


def _progress(client: httpx.Client, run: str) -> dict[str, Any]:
    progress: dict[str, Any] = client.get(f"/runs/{run}").json()["progress"]
    return progress


def _steps_per_second(client: httpx.Client, run: str) -> float:
    """Steps of a run in a second, within the next `SECONDS`: from the first progress that is recorded in them."""
    end, known = time.monotonic() + SECONDS, _progress(client, run)
    while (first := _progress(client, run)) == known:
        time.sleep(0.05)
    time.sleep(max(0.0, end - time.monotonic()))
    last = _progress(client, run)
    return float((last["step"] - first["step"]) / (last["seconds"] - first["seconds"]))


def _processor_seconds(service: Service) -> float:
    """Processor time of the server and of all its clients that have ended."""
    clients = resource.getrusage(resource.RUSAGE_CHILDREN)
    return service.cpu_seconds() + clients.ru_utime + clients.ru_stime


def _queued(client: httpx.Client, run: str) -> list[str]:
    """Batches of a dataset, more than end in time."""
    body = {"dataset": "notmnist", "run": run}
    return [client.post("/batches", json=body).json()["id"] for _ in range(BATCHES)]


def _examples_per_second(client: httpx.Client, batches: list[str]) -> float:
    """Examples in a second that the batches predict, within the next `SECONDS`; NaN if fewer than two end in time.
    Returns when none runs any more."""
    began = time.time()
    time.sleep(SECONDS)
    answers = [client.get(f"/batches/{batch}").json() for batch in batches]
    for answer in reversed(answers):
        if answer["status"] == "queued":
            client.delete(f"/batches/{answer['id']}")
    while any(each["status"] == "running" for each in client.get("/batches").json()["items"]):
        time.sleep(0.05)
    finished = [datetime.fromisoformat(each["finished_at"]).timestamp() for each in answers if each["finished_at"]]
    ends = sorted(end for end in finished if end > began)
    if len(ends) < 2:
        return math.nan
    return float((len(ends) - 1) * answers[0]["progress"]["total"] / (ends[-1] - ends[0]))
