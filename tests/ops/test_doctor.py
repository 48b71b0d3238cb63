"""`antigrad doctor` reports problems and advice."""

import os
from pathlib import Path

from fastapi.testclient import TestClient

from app.settings import Settings
from app.storage import migrate
from app.storage.database import Database
from tests.support.archives import letters, zipped
from tests.support.commands import doctor
from tests.support.runs import ended
from tests.support.uploads import settled, upload
from tests.support.workers import Workers


def test_a_sound_service_is_found_sound(settings: Settings) -> None:
    settings.home.mkdir()
    database = Database(settings.database)
    migrate.upgrade(database)
    database.close()
    code, found = doctor(ANTIGRAD_HOME=str(settings.home), ANTIGRAD_DATABASE_URL=settings.database_url)
    assert code == 0
    assert {name for name, finding in found.items() if finding["status"] != "ok"} <= {"disk"}


def test_a_schema_that_is_behind_and_a_database_that_is_away_come_with_advice(tmp_path: Path) -> None:
    (tmp_path / "antigrad.db").touch()
    code, found = doctor(ANTIGRAD_HOME=str(tmp_path))
    assert code == 1 and found["migrations"]["advice"] == "antigrad migrate"
    away = "postgresql+psycopg://nobody@127.0.0.1:1/none"
    code, found = doctor(ANTIGRAD_HOME=str(tmp_path), ANTIGRAD_DATABASE_URL=away)
    assert code == 1 and "ANTIGRAD_DATABASE_URL" in found["database"]["advice"]


def test_a_storage_that_cannot_be_written_to_is_told(tmp_path: Path) -> None:
    (tmp_path / "files").write_text("a file where a folder should be")
    code, found = doctor(ANTIGRAD_HOME=str(tmp_path))
    assert code == 1 and found["storage"]["status"] == "fail" and "ANTIGRAD_HOME" in found["storage"]["advice"]


def test_what_belongs_to_nothing_is_found_and_deleted_when_it_is_asked_for(
    client: TestClient, workers: Workers, settings: Settings
) -> None:
    workers.start()
    upload(client, "letters", zipped(letters("AB", 10)))
    kept = settled(client, "letters")
    run = client.post("/runs", json={"dataset": "letters", "stop": {"max_epochs": 1}}).json()["id"]
    ended(client, run)
    strays = [settings.files / name for name in ("runs/run_gone", "datasets/ds_gone", "arrays/0123")]
    fresh = settings.files / "datasets/ds_coming"
    for folder in (*strays, fresh):
        folder.mkdir(parents=True)
        (folder / "file").write_bytes(b"x" * 1000)
    for path in (path for folder in settings.files.iterdir() for path in (folder, *folder.rglob("*"))):
        if fresh not in (path, path.parent):
            os.utime(path, (0, 0))
    environment = {"ANTIGRAD_HOME": str(settings.home), "ANTIGRAD_DATABASE_URL": settings.database_url}
    code, found = doctor(**environment)
    assert code == 0 and found["strays"]["status"] == "warn" and "3 orphaned folders" in found["strays"]["detail"]
    assert all(folder.exists() for folder in strays)  # without --fix nothing is deleted
    code, found = doctor("--fix", **environment)
    assert code == 0 and found["strays"]["status"] == "ok"
    assert not any(folder.exists() for folder in strays) and fresh.exists()
    assert doctor(**environment)[1]["strays"]["status"] == "ok"
    assert client.get("/datasets/letters/images/0.png").status_code == 200 and kept["status"] == "ready"
    assert client.get(f"/runs/{run}/weights").status_code == 200
