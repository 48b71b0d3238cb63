"""Runs claimed per second, on SQLite and on Postgres, by 1 and by 4 worker processes, with the runs of one owner and of
ten owners in the queue.

Each claim does what a worker does: a check for a claimable run, and the claiming transaction, flushed to the disk. The
transaction also ends the run, so that no more runs are running than there are workers. For comparison, one process's
transactions that change a single row by its key show the database's limit.
"""

import statistics
import subprocess
import sys
import time
from pathlib import Path

from sqlalchemy import delete, func, insert, select, update

from app.constants import RunStatus
from app.storage import migrate
from app.storage.database import Database, database_now
from app.storage.ids import new_id
from app.storage.queue import workers
from app.storage.queue.run_claims import run_claims
from app.storage.tables import Run, Worker
from bench.report import figure
from bench.service import home
from tests.support.postgres import Postgres

SECONDS, ROUNDS, QUEUED = 2.0, 3, 10_000


def claims(database: Database, until: float) -> int:
    """Number of runs that this process claims until the given time."""
    taken = 0
    while time.time() < until:
        with database.read() as db:
            assert run_claims.any_claimable(db, database_now())
        with database.write() as db:
            run = run_claims.claim(db, "bench", database_now(), 30)
            if run is not None:  # on Postgres, other processes may have locked all rows that this one saw
                run_claims.end(db, run.id, run.attempt, RunStatus.SUCCEEDED)
                taken += 1
    return taken


def writes(database: Database, until: float) -> int:
    """Number of one-row transactions of this process until the given time."""
    done = 0
    while time.time() < until:
        with database.write() as db:
            db.execute(update(Worker).where(Worker.id == "bench").values(heartbeat_at=done))
        done += 1
    return done


def together(what: str, processes: int, url: str) -> float:
    """Operations per second of several processes that start at the same time."""
    command = [sys.executable, "-m", "bench.queue", what, url]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(processes)
    ]
    for process in started:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    until = f"{time.time() + SECONDS}\n"
    return sum(int(process.communicate(until)[0]) for process in started) / SECONDS


def refill(database: Database, owners: int) -> None:
    """Fill the queue with `QUEUED` runs of so many owners; ended ones of earlier rounds remain."""
    empty: dict[str, object] = {"request": {}, "tags": {}, "environment": {}, "progress": {}, "metrics": {}}
    row = empty | {"status": "queued", "task": "classification", "dataset": "digits", "created_at": 0.0}
    with database.write() as db:
        db.execute(delete(Run).where(Run.status == "queued"))
        queued = [row | {"id": new_id("run"), "owner": f"s{number % owners}"} for number in range(QUEUED)]
        db.execute(insert(Run), queued)


def measure(name: str, url: str) -> None:
    database = Database(url)
    migrate.upgrade(database)
    with database.write() as db:
        workers.register(db, "bench", 1, database_now())
    measured: dict[tuple[str, int, int], list[float]] = {
        ("writes", 1, 1): [],
        **{("claims", processes, owners): [] for owners in (1, 10) for processes in (1, 4)},
    }
    for _ in range(ROUNDS):
        for (what, processes, owners), rates in measured.items():
            refill(database, owners)
            rates.append(together(what, processes, url))
    with database.read() as db:
        again = db.execute(select(func.count()).where(Run.attempt > 1)).scalar_one()
    database.close()
    limit = statistics.median(measured["writes", 1, 1])
    for (what, processes, owners), rates in measured.items():
        rate = statistics.median(rates)
        by = f"by {processes} process{'es' if processes > 1 else ''}"
        if what == "claims":
            by += f" of {owners} owner{'s' if owners > 1 else ''}"
            figure(f"{name}: {what} {by} : one-row writes by 1", rate / limit, "×")
        figure(f"{name}: {what} {by}", rate, "/s")
    figure(f"{name}: runs claimed twice", again, "", at_most=0)


def main() -> None:
    with home() as folder:
        measure("SQLite", f"sqlite:///{Path(folder) / 'bench.db'}")
    server = Postgres()
    try:
        server.stop()  # the tests' server runs without fsync
        server.command = [part.replace("fsync=off", "fsync=on") for part in server.command]
        server.start()
        measure("Postgres", server.new_database())
    finally:
        server.close()


if __name__ == "__main__":
    print("ready", flush=True)
    print({"claims": claims, "writes": writes}[sys.argv[1]](Database(sys.argv[2]), float(sys.stdin.readline())))
