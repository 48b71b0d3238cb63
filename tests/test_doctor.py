"""`antigrad doctor` says what is wrong and what to do."""

import json
import os
import subprocess
import sys
from pathlib import Path

from app.settings import Settings
from app.storage import migrate
from app.storage.database import Database


def doctor(**environment: str) -> tuple[int, dict[str, dict[str, str]]]:
    command = [sys.executable, "-m", "app.cli", "doctor", "--json"]
    done = subprocess.run(command, env=os.environ | environment, capture_output=True, text=True, check=False)
    return done.returncode, {finding["check"]: finding for finding in json.loads(done.stdout)}


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
