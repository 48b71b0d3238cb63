"""Cold starts of the service and of commands, and the time from `POST /runs` to the first step on an idle worker.

Target for the latter: at most 100 ms on a CPU, median of 20. For comparison, the time of a request by itself
(`GET /healthz`) and the slowest of the 20 are printed.
"""

import statistics
import time

import httpx

from bench import cold_start
from bench.report import figure
from bench.service import antigrad, ended

RUNS = 20
BODY = {"dataset": "notmnist", "stop": {"max_steps": 20}}


def first_step(client: httpx.Client) -> float:
    """Milliseconds until a client sees the first step."""
    begun = time.perf_counter()
    run = client.post("/runs", json=BODY).raise_for_status().json()["id"]
    while not client.get(f"/runs/{run}").json()["progress"].get("step"):
        time.sleep(0.005)
    took = time.perf_counter() - begun
    ended(client, run)
    time.sleep(0.3)  # until the worker is idle again
    return 1000 * took


def no_op(client: httpx.Client) -> float:
    begun = time.perf_counter()
    client.get("/healthz")
    return 1000 * (time.perf_counter() - begun)


def main() -> None:
    cold_start.main()
    with antigrad() as client:
        first_step(client)  # not counted: the first run includes lazy loading
        requests, starts = [], []
        for _ in range(RUNS):
            requests.append(no_op(client))
            starts.append(first_step(client))
    figure("GET /healthz, median", statistics.median(requests), "ms")
    figure("POST to the first recorded step, median", statistics.median(starts), "ms", at_most=100)
    figure("POST to the first recorded step, slowest", max(starts), "ms")
