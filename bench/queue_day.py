"""The queue under a million runs a day: how long owners wait, and what it asks of the database.

The code of the queue does its work in Postgres, with fsync, at the times of a virtual clock: runs are created, claimed
in the order of turns, and ended. Nothing waits for real, so a quarter of an hour of such a day takes some minutes. The
places are busy for 95% of the time. 300 owners send single runs, some of them a hundred times as often as others; ten
owners send sweeps of 200 runs at once, together half of all runs.

Then each operation is done as often as runs train at once. The processor time of Postgres for one, times the number
that a second of such a day needs, is the number of its cores that the operation keeps busy.
"""

import heapq
import itertools
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import psutil
from sqlalchemy import text

from app.access import Caller, Scope
from app.constants import RunStatus
from app.settings import Settings
from app.storage import migrate, pyramid, runs
from app.storage.change_counter import ChangeCounter, change_counter
from app.storage.database import Database
from app.storage.queue import turns
from app.storage.queue.batch_claims import batch_claims
from app.storage.queue.import_claims import import_claims
from app.storage.queue.run_claims import run_claims
from app.storage.tables import Run
from bench.report import figure
from bench.service import home
from tests.support.postgres import Postgres
from worker.change_detector import LONGEST_SECONDS

A_DAY, DAY_SECONDS = 1_000_000, 86_400
SINGLE, SWEEPERS, SWEEP = 300, 10, 200  # owners of single runs, owners of sweeps, and the runs of a sweep
MEAN_SECONDS, SPREAD = 60.0, 0.8  # of a run: log-normal
BUSY = 0.95  # the share of the time for which the places suffice
NOTICES = 2  # of a run, after which workers look for work: it is queued, and it ends
LEASE_SECONDS, NOW = 1e9, 1_800_000_000.0  # no lease runs out in the simulation
LOSSES = np.random.default_rng(0).random(1000).tolist()
TEXT = {"name": None, "dataset": "digits", "tags": {}, "priority": 0, "padding": "x" * 1000}


@dataclass(frozen=True)
class Arrival:
    """A run that an owner sends at a time, and the seconds that it trains."""

    at: float
    owner: str
    seconds: float


def arrivals(count: int) -> list[Arrival]:
    """The runs of the simulated time, in the order of their times."""
    random = np.random.default_rng(0)
    span = count / A_DAY * DAY_SECONDS
    often = 1 / np.arange(1, SINGLE + 1)  # Zipf's law
    singles = random.choice(SINGLE, count // 2, p=often / often.sum())
    found = [(float(random.uniform(0, span)), f"single-{owner}") for owner in singles]
    for _ in range(count // 2 // SWEEP):
        at, owner = float(random.uniform(0, span)), f"sweeps-{random.integers(SWEEPERS)}"
        found += [(at, owner)] * SWEEP
    lengths = random.lognormal(math.log(MEAN_SECONDS) - SPREAD**2 / 2, SPREAD, len(found))
    return [Arrival(at, owner, float(seconds)) for (at, owner), seconds in zip(sorted(found), lengths, strict=True)]


def create(database: Database, arrival: Arrival) -> str:
    """Queue the run as its owner's request does."""
    with database.of(Caller(arrival.owner, frozenset({Scope.TRAIN}))).write() as db:
        return runs.create(db, request=TEXT, task="classification", environment={}, warnings=[]).id


def claim(database: Database, now: float) -> Run:
    with database.write() as db:
        run = run_claims.claim(db, "day", now, LEASE_SECONDS)
    assert run is not None
    return run


def end(database: Database, run: Run, seconds: float) -> None:
    """End the run as its recorder does."""
    with database.write() as db:
        turns.charge(db, run.id, seconds)
        progress = {"seconds": seconds, "step": 1000}
        run_claims.end(db, run.id, run.attempt, RunStatus.SUCCEEDED, progress=progress)


def beat(database: Database, run: Run) -> None:
    with database.write() as db:
        run_claims.renew(db, run.id, run.attempt, NOW, LEASE_SECONDS)


def write_points(database: Database, run: Run) -> None:
    """Write the points of half a second as a recorder does."""
    with database.write() as db:
        run_claims.write(db, run.id, run.attempt, progress={"step": 1000, "seconds": 0.5})
        turns.charge(db, run.id, 0.5)
        pyramid.append(db, run.id, {"train.loss": (range(1, 1001), LOSSES)}, {})


def look_for_work(database: Database, counter: ChangeCounter) -> None:
    """Look whether there is something to do, as a worker does that has a free place, after a notice."""
    counter.read()
    for queue in (run_claims, import_claims, batch_claims):
        with database.read() as db:
            queue.any_claimable(db, NOW)


def simulate(database: Database, coming: list[Arrival], places: int) -> dict[str, list[float]]:
    """Do the work of all arrivals; returns the seconds that runs waited, by the kind of their owner."""
    waited: dict[str, list[float]] = {"single": [], "sweeps": []}
    waiting: dict[str, Arrival] = {}
    order = itertools.count()
    events: list[tuple[float, int, Any]] = [(arrival.at, next(order), arrival) for arrival in coming]
    heapq.heapify(events)
    while events:
        now, _, event = heapq.heappop(events)
        if isinstance(event, Arrival):
            waiting[create(database, event)] = event
        else:
            run, seconds = event
            end(database, run, seconds)
            places += 1
        while places and waiting:
            claimed = claim(database, NOW + now)
            arrival = waiting.pop(claimed.id)
            waited[arrival.owner.partition("-")[0]].append(now - arrival.at)
            heapq.heappush(events, (now + arrival.seconds, next(order), (claimed, arrival.seconds)))
            places -= 1
    return waited


def costs(database: Database, server: Postgres, training: int) -> dict[str, float]:
    """Seconds of Postgres' processors for each operation, with so many runs that train."""
    counter = change_counter(database)
    held: list[Run] = []
    operations: dict[str, Callable[[int], object]] = {
        "create": lambda number: create(database, Arrival(0.0, f"single-{number % SINGLE}", 1.0)),
        "claim": lambda _: held.append(claim(database, NOW)),
        "look for work": lambda _: look_for_work(database, counter),
        "beat a lease": lambda number: beat(database, held[number]),
        "write points": lambda number: write_points(database, held[number]),
        "end": lambda number: end(database, held[number], 60.0),
    }
    took = {}
    for name, operation in operations.items():
        before = processor_seconds(server)
        for number in range(training):
            operation(number)
        took[name] = (processor_seconds(server) - before) / training
    counter.close()
    return took


def processor_seconds(server: Postgres) -> float:
    """Seconds of the processors of all processes of a server."""
    processes = psutil.Process(server.process.pid).children(recursive=True)
    return sum(sum(process.cpu_times()[:2]) for process in processes)


@contextmanager
def durable() -> Iterator[Postgres]:
    """A new server that flushes each commit to the disk."""
    server = Postgres()
    try:
        server.stop()  # the tests' server runs without fsync
        server.command = [part.replace("fsync=off", "fsync=on") for part in server.command]
        server.start()
        yield server
    finally:
        server.close()


def main(count: int = 10_000) -> None:
    rate = A_DAY / DAY_SECONDS
    training = round(rate * MEAN_SECONDS)
    places = math.ceil(training / BUSY)
    settings = Settings(_env_file=None)
    with home(), durable() as server:
        database = Database(server.new_database())
        migrate.upgrade(database)
        began = time.perf_counter()
        waited = simulate(database, arrivals(count), places)
        took = time.perf_counter() - began
        with database.engine.begin() as connection:
            connection.execute(text("ANALYZE"))
        seconds = costs(database, server, training)
        database.close()
    figure("runs that arrive in a second", rate, "/s")
    figure("places, each of which trains a run", places, "")
    figure("created, claimed and ended by one connection", count / took, "/s", at_least=rate)
    for kind, times in waited.items():
        for name, share in (("median", 0.5), ("95%", 0.95), ("longest", 1.0)):
            figure(f"waiting of {kind}, {name}", float(np.quantile(times, share)), "s")
    needed = {
        **dict.fromkeys(("create", "claim", "end"), rate),
        "beat a lease": training / settings.heartbeat_seconds,
        "write points": training / settings.flush_seconds,
        "look for work": places * (NOTICES * rate + 1 / LONGEST_SECONDS),
    }
    for name, times in needed.items():
        figure(f"{name}: needed", times, "/s")
        figure(f"{name}: Postgres, each", 1000 * seconds[name], "ms")
        figure(f"{name}: Postgres, busy cores", times * seconds[name], "")
