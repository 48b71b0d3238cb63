"""Latency of 2,000 consecutive `GET /runs/{id}` while that run trains.

Targets: 99.9% of them under 1 s, and no failure (such as `database is locked`).
"""

import time

from bench.report import figure
from bench.service import antigrad

REQUESTS = 2000


def main() -> None:
    failures, seconds, training = 0, [], 0
    with antigrad() as client:
        run = client.post("/runs", json={"dataset": "notmnist", "stop": {"max_epochs": 100_000}}).json()["id"]
        for _ in range(REQUESTS):
            begun = time.perf_counter()
            answer = client.get(f"/runs/{run}")
            seconds.append(time.perf_counter() - begun)
            failures += answer.status_code != 200
            training += answer.status_code == 200 and answer.json()["status"] == "running"
        client.post(f"/runs/{run}/cancel")
    figure("answers during the training", training, f"of {REQUESTS:,}")
    figure("failures", failures, "", at_most=0)
    figure("slowest request", max(seconds), "s")
    figure("share under 1 s", 100 * sum(second < 1 for second in seconds) / REQUESTS, "%", at_least=99.9)
