"""The timeline of a run names each change of its status and each attempt, whoever made it."""

from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from app.constants import RunStatus
from app.storage import runs
from app.storage.database import Database, database_now
from app.storage.queue.run_claims import run_claims
from app.storage.tables import Run
from tests.support.rows import insert_run
from tests.support.runs import ENDLESS, SMALL, queue, until, until_step
from tests.support.services import Service
from tests.support.workers import Workers

pytestmark = pytest.mark.sql


def happened(client: TestClient, run: str) -> list[tuple[str, int, bool]]:
    """Status, attempt and death of each event."""
    items = client.get(f"/runs/{run}/timeline").json()["items"]
    assert [item["at"] for item in items] == sorted(item["at"] for item in items)
    assert all((item["worker"] is not None) == (item["status"] == "running") for item in items)
    return [(item["status"], item["attempt"], item["died"]) for item in items]


def claimed(database: Database, worker: str) -> Run:
    with database.write() as db:
        run = run_claims.claim(db, worker, database_now(), 30)
    assert run is not None
    return run


def test_each_change_of_a_run_is_on_its_timeline(client: TestClient, service: Service) -> None:
    database = service.database

    def change(action: Any, *arguments: Any, **values: Any) -> None:
        with database.write() as db:
            action(db, *arguments, **values)

    run = queue(client, SMALL)
    claimed(database, "w1")
    change(run_claims.give_back, run, 1)
    claimed(database, "w2")
    change(run_claims.child_died, run, 2, {})
    claimed(database, "w3")
    change(run_claims.renew, run, 3, 0.0, 0.0)  # its lease expires
    claimed(database, "w4")
    change(runs.pause, run, database_now())
    change(run_claims.give_back, run, 4)
    client.post(f"/runs/{run}/resume").raise_for_status()
    claimed(database, "w5")
    change(run_claims.end, run, 5, RunStatus.SUCCEEDED)
    assert happened(client, run) == [
        ("queued", 0, False),
        ("running", 1, False),
        ("queued", 1, False),
        ("running", 2, False),
        ("queued", 2, True),
        ("running", 3, False),
        ("running", 4, False),
        ("paused", 4, False),
        ("queued", 4, False),
        ("running", 5, False),
        ("succeeded", 5, False),
    ]
    workers = [item["worker"] for item in client.get(f"/runs/{run}/timeline").json()["items"] if item["worker"]]
    assert workers == ["w1", "w2", "w3", "w4", "w5"]


def test_the_timeline_of_a_real_run_has_its_worker_and_goes_with_it(
    client: TestClient, workers: Workers, service: Service
) -> None:
    workers.start()
    run = queue(client, ENDLESS)
    until_step(client, run, 10)
    worker = client.get(f"/runs/{run}").json()["worker"]
    assert client.get(f"/runs/{run}/timeline").json()["items"][1]["worker"] == worker
    client.post(f"/runs/{run}/cancel")
    until(client, run, "cancelled")
    assert [status for status, _, _ in happened(client, run)] == ["queued", "running", "cancelled"]
    assert client.delete(f"/runs/{run}").status_code == 204
    with service.database.read() as db:
        assert db.execute(text("SELECT COUNT(*) FROM run_events")).scalar_one() == 0


def test_a_run_of_an_older_version_has_its_start_and_end(client: TestClient, service: Service) -> None:
    with service.database.write() as db:
        insert_run(db, "run_old", started_at=2.0, finished_at=3.0)
        insert_run(db, "run_waits", "queued", attempt=0)
    items = client.get("/runs/run_old/timeline").json()["items"]
    assert [(item["at"][-3:], item["status"]) for item in items] == [
        ("01Z", "queued"), ("02Z", "running"), ("03Z", "succeeded")]  # fmt: skip
    assert [item["status"] for item in client.get("/runs/run_waits/timeline").json()["items"]] == ["queued"]
