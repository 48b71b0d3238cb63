"""Parts of a curve of ten million steps, which a worker has recorded in chunks of half a second.

Targets: any part as 2,000 points in less than 50 ms, and in memory for its points alone. The pyramid of an older
version's run is built at first sight.
"""

import statistics
import time
import tracemalloc
from pathlib import Path

import numpy as np

from app.storage import curves, migrate, pyramid
from app.storage.database import Database
from app.storage.tables import Run
from bench.report import figure
from bench.service import home

STEPS, A_CHUNK = 10_000_000, 2_500
POINTS, ROUNDS = 2_000, 5
PARTS = {
    "all of it": (1, STEPS),
    "the last 10,000 steps": (STEPS - 9_999, STEPS),
    "a hundredth in the middle": (STEPS // 2 + 17, STEPS // 2 + STEPS // 100),
    "a half": (STEPS // 4 + 3, 3 * STEPS // 4 + 1),
    "100 steps": (STEPS // 3, STEPS // 3 + 99),
}
LOSS = "train.loss"


def record(database: Database, run: str, steps: int, with_pyramid: bool) -> float:
    """Record a run; returns the seconds of the processor."""
    row = Run(id=run, status="succeeded", task="classification", dataset="digits", created_at=1.0, attempt=1, deaths=0)
    for field in ("request", "tags", "environment", "progress", "metrics"):
        setattr(row, field, {})
    losses = np.random.default_rng(0).random(steps)
    began = time.process_time()
    with database.write() as db:
        db.add(row)
    for first in range(0, steps, A_CHUNK * 100):
        with database.write() as db:
            for start in range(first, min(steps, first + A_CHUNK * 100), A_CHUNK):
                chunk = {LOSS: (range(start + 1, start + A_CHUNK + 1), losses[start : start + A_CHUNK].tolist())}
                if with_pyramid:
                    pyramid.append(db, run, chunk, {LOSS: start})
                else:
                    curves.append(db, run, chunk)
    return time.process_time() - began


def main() -> None:
    with home() as folder:
        database = Database(f"sqlite:///{Path(folder) / 'antigrad.db'}")
        migrate.upgrade(database)
        plain = record(database, "run_old", STEPS, with_pyramid=False)
        recorded = record(database, "run_new", STEPS, with_pyramid=True)
        figure("a chunk with the pyramid : without, processor time", recorded / plain, "×")
        figure("the pyramid, processor time for each point", 1e6 * (recorded - plain) / STEPS, "µs")
        began = time.perf_counter()
        pyramid.thinned(database, "run_old", LOSS, POINTS)
        figure("the first sight of an older version's run", time.perf_counter() - began, "s")
        for name, (first, last) in PARTS.items():
            took = []
            for _ in range(ROUNDS):
                began = time.perf_counter()
                pyramid.thinned(database, "run_new", LOSS, POINTS, first, last)
                took.append(time.perf_counter() - began)
            figure(name, 1000 * statistics.median(took), "ms", at_most=50)
            tracemalloc.start()
            pyramid.thinned(database, "run_new", LOSS, POINTS, first, last)
            figure(f"{name}, memory", tracemalloc.get_traced_memory()[1] / 1e6, "MB")
            tracemalloc.stop()
        database.close()
