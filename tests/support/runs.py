"""Requests for runs, and waiting for their progress."""

import time

import httpx
from fastapi.testclient import TestClient


def ended(client: httpx.Client | TestClient, run: str) -> dict:
    """Wait for the run's end; pytest's own limit ends a wait that is too long."""
    for _ in range(20):
        found = client.get(f"/runs/{run}", params={"wait": 60}).json()
        if found["status"] in ("succeeded", "failed", "cancelled"):
            return found
    raise AssertionError(found)


PROGRESS = {"step", "epoch", "max_steps", "fraction", "steps_per_second", "eta_seconds"}


SMALL = {
    "dataset": "digits",
    "model": {"layers": [{"type": "linear", "units": 16}, {"type": "relu"}]},
    "batch_size": 32,
    "stop": {"max_epochs": 3},
    "device": "cpu",
}


ENDLESS = SMALL | {"stop": {"max_epochs": 10**6}}


def queue(client: httpx.Client | TestClient, request: dict) -> str:
    answer = client.post("/runs", json=request)
    assert answer.status_code == 202, answer.text
    return answer.json()["id"]


def status(client: TestClient, run: str) -> str:
    return client.get(f"/runs/{run}").json()["status"]


def until(client: TestClient, run: str, wanted: str, seconds: float = 60) -> float:
    """Wait for a status; returns the seconds that it took."""
    started = time.monotonic()
    while status(client, run) != wanted:
        assert time.monotonic() - started < seconds, client.get(f"/runs/{run}").json()
        time.sleep(0.02)
    return time.monotonic() - started


REQUEST = {
    "dataset": "digits",
    "model": {"layers": [{"type": "linear", "units": 32}, {"type": "relu"}]},
    "batch_size": 16,
    "stop": {"max_epochs": 40},
    "device": "cpu",
}


def outcome(client: TestClient, run: str) -> tuple[list[int], list[float], bytes]:
    """The results that must be equal: steps, their losses, and weights."""
    found = client.get(f"/runs/{run}/curve", params={"series": "train.loss", "points": 10**7}).json()
    series = found["series"]["train.loss"]
    return series["step"], series["value"], client.get(f"/runs/{run}/weights").content


def until_step(client: TestClient, run: str, step: int) -> None:
    while client.get(f"/runs/{run}").json()["progress"].get("step", 0) < step:
        time.sleep(0.02)
