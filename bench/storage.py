"""A service with 10,000 runs and 100 million points, on SQLite and on Postgres: how long a client waits for an answer.

Targets: lists, rankings, curves and the queue within 50 ms each, and so a claim. Each is the quickest of 15 requests to
`antigrad serve`, since whatever else the machine does only adds to it. `--runs` scales the number of runs: 500 take a
minute.

The rows are copies of a run that was trained, so that requests, evaluations and environments have their real sizes.
"""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from sqlalchemy import insert, text, update

from app.ops.retention import delete_expired
from app.storage import migrate, runs
from app.storage.database import Database, database_now
from app.storage.files import LocalFiles
from app.storage.ids import new_id
from app.storage.queue.run_claims import run_claims
from app.storage.tables import CurveChunk, OwnerTurn, Run
from bench.lab import lab
from bench.report import figure
from bench.service import home, server
from tests.support.postgres import Postgres

POINTS, A_CHUNK = 10_000, 2_500  # of each run; a worker writes a chunk twice a second
OWNERS, WAITING = 100, 0.1  # the share of the runs that wait
ROUNDS, AT_MOST = 15, 50
LONG_AGO = 40 * 365.0  # days: more than since 1e9 seconds
REQUEST = {"dataset": "digits", "stop": {"max_epochs": 2}}


def trained() -> dict[str, Any]:
    """The columns of a run that was trained with the worker's code."""
    with lab() as laboratory:
        id = laboratory.train(REQUEST).run
        with laboratory.store.database.read() as db:
            run = runs.get(db, id)
            return {column.key: getattr(run, column.key) for column in Run.__mapper__.column_attrs}


def rows(like: dict[str, Any], count: int) -> Iterator[dict[str, Any]]:
    """Copies of a run: most have ended, the last ones wait."""
    random = np.random.default_rng(0)
    for number in range(count):
        accuracy, lr = float(random.random()), float(10 ** random.uniform(-4, 0))
        row = like | {
            "id": new_id("run"),
            "owner": f"s{number % OWNERS}",
            "name": f"letters, width {number % 512}",
            "tags": {"course": "ml" if number % 7 else "cv", "week": str(number % 14)},
            "request": like["request"] | {"optimizer": {"name": "adam", "lr": lr}},
            "created_at": 1e9 + number,
            "finished_at": 1e9 + number + 60,
        }
        if number >= count * (1 - WAITING):
            ended = {"started_at", "finished_at", "weights", "checkpoint", "stop_reason", "evaluation", "worker"}
            yield row | dict.fromkeys(ended) | {"status": "queued", "attempt": 0, "progress": {}, "metrics": {}}
        else:
            metrics = like["metrics"] | {"test": {"loss": 1 - accuracy, "accuracy": accuracy}}
            yield row | {"metrics": metrics, "status": "succeeded" if number % 40 else "failed"}


def fill(database: Database, like: dict[str, Any], count: int) -> list[str]:
    """Insert the runs, with curves of those that have ended; returns the ids."""
    made = list(rows(like, count))
    losses = np.random.default_rng(0).random(POINTS)
    with database.write() as db:
        for start in range(0, count, 500):
            db.execute(insert(Run), made[start : start + 500])
        owners = [{"owner": f"s{number}", "served": float(number), "joined": ""} for number in range(OWNERS)]
        db.execute(insert(OwnerTurn), owners)
    chunks = [
        {
            "series": "train.loss",
            "first_step": first,
            "last_step": first + A_CHUNK - 1,
            "steps": np.arange(first, first + A_CHUNK).tobytes(),
            "values": losses[first - 1 :][:A_CHUNK].tobytes(),
        }
        for first in range(1, POINTS, A_CHUNK)
    ]
    for start in range(0, count, 50):
        with database.write() as db:
            of_runs = [chunk | {"run": row["id"]} for row in made[start : start + 50] for chunk in chunks]
            db.execute(insert(CurveChunk), of_runs)
    with database.engine.execution_options(writes=True).begin() as connection:
        connection.execute(text("ANALYZE"))  # as Postgres does by itself from time to time
    return [row["id"] for row in made]


def quickest_ms(work: Callable[[], object]) -> float:
    """The shortest time, after one that is not counted."""
    took = []
    for _ in range(ROUNDS + 1):
        began = time.perf_counter()
        work()
        took.append(1000 * (time.perf_counter() - began))
    return min(took[1:])


def requests(ids: list[str]) -> dict[str, str]:
    """Addresses by what they ask for."""
    middle, waiting = ids[len(ids) // 2], ids[-len(ids) // 20]
    return {
        "the newest runs": "/runs",
        "a page in the middle": f"/runs?cursor={middle}",
        "the runs of an owner": "/runs?owner=s7",
        "the failed ones": "/runs?status=failed",
        "those with a tag": "/runs?tag=week:3",
        "those that match a text": "/runs?q=lr>0.01 accuracy>0.2 /width/",
        "the best": "/runs?sort=-test.accuracy",
        "the best, a later page": f"/runs?sort=-test.accuracy&cursor={middle}=0.5",
        "the worst of an owner": "/runs?sort=test.accuracy&owner=s7",
        "a run": f"/runs/{middle}",
        "a waiting run, with its place": f"/runs/{waiting}",
        "a curve as 1,000 points": f"/runs/{middle}/curve",
        "a curve, every point": f"/runs/{middle}/curve?points={POINTS}",
        "a part of a curve": f"/runs/{middle}/curve?from_step={POINTS // 2}&to_step={POINTS // 2 + 500}",
        "the queue": "/queue",
        "the queue, 200 entries": "/queue?limit=200",
        "the metrics for Prometheus": "/metrics",
        "the page of runs": "/ui/runs",
    }


def ask(client: httpx.Client, address: str) -> None:
    client.get(address).raise_for_status()


def claim(database: Database) -> None:
    """Claim the next run as a worker does, and leave it where it was."""
    with database.read() as db:
        assert run_claims.any_claimable(db, database_now())
    with database.write() as db:
        assert run_claims.claim(db, "bench", database_now(), 30) is not None
        db.rollback()


def measure(name: str, url: str, like: dict[str, Any], count: int) -> None:
    database = Database(url)
    migrate.upgrade(database)
    began = time.perf_counter()
    ids = fill(database, like, count)
    figure(f"{name}: runs", count, "")
    figure(f"{name}: points", count * POINTS / 1e6, "million")
    figure(f"{name}: filled in", time.perf_counter() - began, "s")
    figure(f"{name}: size", size(database) / 1e9, "GB")
    figure(f"{name}: a claim", quickest_ms(lambda: claim(database)), "ms", at_most=AT_MOST)
    os.environ["ANTIGRAD_DATABASE_URL"] = url
    with server(["-m", "app.cli.main", "serve", "--port", "{port}", "--workers", "0"]) as client:
        for what, address in requests(ids).items():
            bound = None if address.startswith("/ui") else AT_MOST
            figure(f"{name}: {what}", quickest_ms(lambda path=address: ask(client, path)), "ms", at_most=bound)
        began, points = time.perf_counter(), count // OWNERS * POINTS
        size_of = sum(len(piece) for piece in pieces(client, "/export.parquet?curves=true&owner=s7"))
        figure(f"{name}: export of an owner's points", points / (time.perf_counter() - began) / 1e6, "M/s")
        figure(f"{name}: bytes of the file for each point", size_of / points, "")
    old = ids[: count // 100]
    with database.write() as db:
        db.execute(update(Run).where(Run.id.in_(old)).values(finished_at=1.0))
    began = time.perf_counter()
    delete_expired(database, LocalFiles(Path(os.environ["ANTIGRAD_HOME"]) / "files"), LONG_AGO)
    figure(f"{name}: retention, a run deleted in", 1000 * (time.perf_counter() - began) / len(old), "ms")
    database.close()


def pieces(client: httpx.Client, address: str) -> Iterator[bytes]:
    with client.stream("GET", address) as answer:
        yield from answer.raise_for_status().iter_bytes()


def size(database: Database) -> int:
    """Bytes of the database on the disk."""
    if database.is_sqlite:
        return Path(str(database.engine.url.database)).stat().st_size
    with database.read() as db:
        return int(db.execute(text("SELECT pg_database_size(current_database())")).scalar_one())


@contextmanager
def postgres() -> Iterator[str]:
    """An empty database of a new server."""
    server = Postgres()
    try:
        yield server.new_database()
    finally:
        server.close()


def main(count: int = 10_000) -> None:
    like = trained()
    with home() as folder:
        measure("SQLite", f"sqlite:///{folder / 'antigrad.db'}", like, count)
    with home(), postgres() as url:
        measure("Postgres", url, like, count)
