"""Successive halving against the whole grid: the best that each finds, and the steps that it takes, in one service."""

import time
from typing import Any

import httpx

from bench.report import figure
from bench.service import antigrad

GRID = {
    "optimizer.lr": [0.0003, 0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1.0],
    "optimizer.name": ["sgd", "momentum", "rmsprop", "adam"],
    "model.layers.0.units": [16, 64],
}  # 64 configurations
BASE = {
    "dataset": "digits",
    "model": {"layers": [{"type": "linear", "units": 64}, {"type": "relu"}]},
    "batch_size": 32,
    "stop": {"max_epochs": 30, "patience": None},
    "device": "cpu",
}


def ended(client: httpx.Client, **body: Any) -> dict[str, Any]:
    """A sweep of the grid, once it has ended, and the seconds that it took."""
    began = time.monotonic()
    answer = client.post("/sweeps", json={"base": BASE, "grid": GRID} | body).raise_for_status().json()
    while answer["status"] == "running":
        time.sleep(0.5)
        answer = client.get(f"/sweeps/{answer['id']}").raise_for_status().json()
    return dict(answer) | {"seconds": time.monotonic() - began}


def main() -> None:
    with antigrad(workers=2) as client:
        grid, halving = ended(client), ended(client, halving={})
        best, found = (sweep["trials"][0]["mean"] for sweep in (grid, halving))
        figure("validation accuracy of the grid's best", best, "")
        figure("validation accuracy of the best by halving", found, "")
        figure("loss of accuracy by halving", 100 * (best - found) / best, "%", at_most=1)
        steps = halving["progress"]["steps"] / grid["progress"]["steps"]
        figure("steps of halving, of those of the grid", 100 * steps, "%", at_most=25)
        figure("time of halving, of that of the grid", 100 * halving["seconds"] / grid["seconds"], "%")
        for name, sweep in (("grid", grid), ("halving", halving)):
            rate = 60 * len(sweep["trials"]) / sweep["seconds"]
            figure(f"trials a minute, {name}", rate, "")
