"""The deletion of a very long run disturbs others no more than that of a short one."""

import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from app.constants import DELETED
from app.settings import Settings
from app.storage import pyramid
from app.storage.database import Database
from app.storage.files import LocalFiles
from tests.support.rows import insert_run
from tests.support.services import Service, client_of

pytestmark = pytest.mark.sql

POINTS, A_CHUNK = 5_000_000, 2500  # 80 MB
RANDOM = np.random.default_rng(0)


def long_run(database: Database, id: str, points: int = POINTS) -> None:
    """A run with this many points, in chunks like those of a worker."""
    with database.write() as db:
        insert_run(db, id)
        for first in range(1, points, A_CHUNK):
            steps = np.arange(first, first + A_CHUNK)
            chunk = {"train.loss": (steps.tolist(), RANDOM.random(A_CHUNK).tolist())}
            pyramid.append(db, id, chunk, {"train.loss": first - 1})
            if first % (100 * A_CHUNK) == 1:
                db.flush()
                db.expunge_all()


def stored_bytes(settings: Settings, database: Database) -> int:
    if database.is_sqlite:
        return (settings.home / "antigrad.db").stat().st_size
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM curve_chunks, curve_blocks"))  # what autovacuum does a little later
        sizes = "pg_total_relation_size('curve_chunks') + pg_total_relation_size('curve_blocks')"
        found: int = connection.execute(text(f"SELECT {sizes}")).scalar_one()
        return found


MEASURED = """
import sys
from pathlib import Path
from app.storage import curves
from app.storage.database import Database
from app.storage.deletion import delete_run
from app.storage.files import LocalFiles
database = Database(sys.argv[1])
delete_run(database, LocalFiles(Path(sys.argv[2])), "run_short")
def peak():
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0])
Path("/proc/self/clear_refs").write_text("5")  # reset the peak
before = peak()
delete_run(database, LocalFiles(Path(sys.argv[2])), "run_long")
print(peak() - before)
"""


@pytest.mark.long
def test_a_run_of_five_million_points_is_deleted_in_constant_memory_and_keeps_nobody_waiting(
    client: TestClient, settings: Settings, service: Service
) -> None:
    database = service.database
    empty = stored_bytes(settings, database)
    long_run(database, "run_short", A_CHUNK)
    long_run(database, "run_long")
    assert stored_bytes(settings, database) > empty + POINTS * 8  # Postgres packs the steps
    answered = 0
    done = threading.Event()

    def others() -> None:
        nonlocal answered
        while not done.is_set():
            assert client.post("/runs", json={"dataset": "digits"}).status_code == 202
            answered += 1
            time.sleep(0.02)

    concurrent = threading.Thread(target=others)
    concurrent.start()
    command = [sys.executable, "-c", MEASURED, settings.database, str(settings.files)]
    deleting = subprocess.run(command, capture_output=True, text=True, check=False)
    done.set()
    concurrent.join()
    assert deleting.returncode == 0, deleting.stderr
    grown = int(deleting.stdout) * 1024
    assert grown < 16e6
    assert answered > 5  # a deletion in one transaction would make all of them wait until its end
    assert client.get("/runs/run_long").status_code == 404
    assert stored_bytes(settings, database) < empty + 4e6


def test_a_deletion_that_was_interrupted_is_finished_at_the_next_start(settings: Settings) -> None:
    with client_of(settings) as client:
        database = Service.of(client).database
        long_run(database, "run_half", 10 * A_CHUNK)
        with database.write() as db:
            db.execute(text("UPDATE runs SET status = :deleted"), {"deleted": DELETED})
        LocalFiles(settings.files).write("runs/run_half/1/weights.safetensors", b"left over")
        assert client.get("/runs/run_half").status_code == 404
        assert client.get("/runs").json()["items"] == []
        assert client.post("/predict?run=run_half", json={"instances": []}).status_code == 404
    with client_of(settings) as client:
        database = Service.of(client).database
        with database.read() as db:
            assert db.execute(text("SELECT count(*) FROM runs")).scalar_one() == 0
            for table in ("curve_chunks", "curve_blocks"):
                assert db.execute(text(f"SELECT count(*) FROM {table}")).scalar_one() == 0
    assert not Path(settings.files / "runs" / "run_half").exists()


@pytest.mark.parametrize("points", [1, 1000])
def test_reading_a_long_curve_takes_memory_for_its_points_alone(
    quick_client: TestClient, points: int, quick_service: Service
) -> None:
    import tracemalloc

    database: Database = quick_service.database
    run = f"run_read{points}"
    long_run(database, run, POINTS // 2)
    tracemalloc.start()
    answer = quick_client.get(f"/runs/{run}/curve?points={points}").json()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert 1 <= answer["points"] <= points and answer["downsampled"]
    assert peak < 20e6  # the points are 40 MB
