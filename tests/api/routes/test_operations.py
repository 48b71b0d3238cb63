"""Readiness: the service notices what would lose data."""

import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.commands import doctor
from tests.support.services import Service
from tests.support.workers import Workers


def replaced(database: Path) -> None:
    copy = database.with_name("copy.db")
    shutil.copyfile(database, copy)
    copy.replace(database)


def put_back(database: Path) -> None:
    """Replace the file by a new one with the same content, like a restore by hand."""
    content = database.read_bytes()
    database.unlink()
    database.write_bytes(content)


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
@pytest.mark.parametrize("change", [Path.unlink, replaced, put_back], ids=["removed", "replaced", "put back"])
def test_a_database_file_that_is_another_than_at_the_start_asks_for_a_restart(
    service: Service, change: Callable[[Path], object]
) -> None:
    assert service.client.get("/readyz").json()["database"] == "ok"
    change(service.settings.home / "antigrad.db")
    answer = service.client.get("/readyz")
    assert (answer.status_code, answer.json()["code"]) == (503, "database_replaced")
    assert "restart the service" in answer.json()["detail"]
    assert service.client.get("/healthz").status_code == 200


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_a_database_that_is_written_stays_the_same_file(service: Service) -> None:
    service.client.post("/runs", json={"dataset": "digits"})
    with service.database.engine.connect() as connection:
        connection.connection.execute("VACUUM")  # type: ignore[attr-defined]
    assert service.client.get("/readyz").status_code == 200


def test_a_service_without_a_worker_says_so_and_stays_ready(service: Service, workers: Workers) -> None:
    service.client.post("/runs", json={"dataset": "digits", "stop": {"max_epochs": 1}})
    answer = service.client.get("/readyz")
    assert (answer.status_code, answer.json()["status"], answer.json()["workers"]) == (200, "ready", "none")
    environment = {"ANTIGRAD_HOME": str(service.settings.home), "ANTIGRAD_DATABASE_URL": service.settings.database_url}
    code, found = doctor(**environment)
    assert code == 0 and found["workers"]["status"] == "warn"
    assert (
        "work waits (runs, imports and batches: 1)" in found["workers"]["detail"]
        and "antigrad worker" in found["workers"]["advice"]
    )
    workers.start()
    deadline = time.monotonic() + 60
    while service.client.get("/readyz").json()["workers"] != "ok":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert doctor(**environment)[1]["workers"]["status"] == "ok"
