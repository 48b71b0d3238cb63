"""Readiness: the service notices what would lose data."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.services import Service


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
