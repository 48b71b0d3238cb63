"""A service deletes runs, batches and sweeps by their age if its settings say so, and otherwise never."""

import time
from typing import Any

import pytest
from sqlalchemy import select, update

from app.ops import retention
from app.ops.retention import DAY
from app.settings import Settings
from app.storage import deletion
from app.storage.database import Database, database_now
from app.storage.tables import Batch, ModelVersion, Run, Sweep
from tests.support.rows import insert_batch, insert_run, owned_sweep
from tests.support.services import Service, client_of


@pytest.mark.parametrize("days", [None, 30])
def test_a_service_deletes_expired_runs_when_it_starts(settings: Settings, days: float | None) -> None:
    with client_of(settings) as client, Service.of(client).database.write() as db:
        now = db.execute(select(database_now())).scalar_one()
        insert_run(db, "run_old", finished_at=now - 31 * DAY)
        insert_run(db, "run_new", finished_at=now - 29 * DAY)
        insert_batch(db, "bat_old", finished_at=now - 31 * DAY)
        insert_batch(db, "bat_new", finished_at=now - 29 * DAY)
        insert_batch(db, "bat_open", "queued")
        ended = {"finished_at": now - 31 * DAY, "status": "succeeded"}
        old, running = owned_sweep(db).id, owned_sweep(db).id
        db.execute(update(Sweep).where(Sweep.id == old).values(**ended))
        Service.of(client).files.write("batches/bat_old/1.csv", b"input\n")
    settings.retention_days = days
    with client_of(settings) as client:
        database = Service.of(client).database
        new = {"run_new", "bat_new", "bat_open", running}
        left = new | {"run_old", "bat_old", old} if days is None else new
        deadline = time.monotonic() + 60
        while _ids(database) != left:
            assert time.monotonic() < deadline
            time.sleep(0.02)
    assert _ids(Service.of(client).database) == left
    assert Service.of(client).files.exists("batches/bat_old/1.csv") == ("bat_old" in left)


@pytest.mark.sql
def test_any_number_of_runs_is_deleted_in_short_transactions(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(retention, "AT_ONCE", 2)
    with service.database.write() as db:
        for number in range(7):
            insert_run(db, f"run_{number}", finished_at=1.0)
        db.add(ModelVersion(model="letters", version=1, run="run_0", created_at=1.0))  # so that the first one stays
    begun: list[int] = []
    begin = deletion.begin

    def counted(*arguments: Any) -> deletion.Deletion:
        found = begin(*arguments)
        begun.append(len(found.runs))
        return found

    monkeypatch.setattr(deletion, "begin", counted)
    retention.delete_expired(service.database, service.files, 30)
    assert begun == [2, 2, 2, 0]
    assert _ids(service.database) == {"run_0"}


def _ids(database: Database) -> set[str]:
    with database.read() as db:
        return {id for table in (Run, Batch, Sweep) for id in db.scalars(select(table.id))}
