"""A backup taken during a training can be restored to a working service."""

import stat
import tarfile
from pathlib import Path

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import text

from app.datasets.builtin import BUILTIN
from app.ops.backup import BackupFailed, backup, restore
from app.settings import Settings
from app.storage.database import Database
from app.storage.files import LocalFiles
from tests.support.archives import png, zipped
from tests.support.migrations import migrate_to
from tests.support.runs import REQUEST, ended, outcome, until_step
from tests.support.services import Template, client_of
from tests.support.uploads import settled, upload
from tests.support.workers import Workers


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home", checkpoint_seconds=0.2, _env_file=None)


def test_a_backup_of_a_running_service_is_a_working_copy(
    client: TestClient, settings: Settings, workers: Workers, tmp_path: Path
) -> None:
    workers.start()
    finished = client.post("/runs", json=REQUEST).json()["id"]
    assert ended(client, finished)["status"] == "succeeded"
    running = client.post("/runs", json=REQUEST).json()["id"]
    until_step(client, running, 300)
    waiting = client.post("/runs", json=REQUEST | {"seed": 1}).json()["id"]
    pictures = {f"{part}/{letter}/{number}.png": png(number) for part in ("train", "test") for letter in "AB"
                for number in range(9)}  # fmt: skip
    upload(client, "parts", zipped(pictures))
    assert settled(client, "parts")["own_split"] == ["train", "test"]
    assert backup(settings, tmp_path / "copy.tar") == []
    assert ended(client, running)["status"] == "succeeded"  # the backup has not disturbed it

    copy = Settings(home=tmp_path / "restored", checkpoint_seconds=0.2, _env_file=None)
    restore(copy, tmp_path / "copy.tar")
    others = Workers(copy)
    [split] = (settings.files / "datasets/digits/splits").iterdir()
    assert (copy.files / "datasets/digits/splits" / split.name).read_bytes() == split.read_bytes()
    with client_of(copy) as restored:
        assert outcome(restored, finished) == outcome(client, finished)
        exported = "/datasets/parts/export.npz"
        assert restored.get(exported).content == client.get(exported).content
        image = restored.get("/datasets/digits/images/3.png").content
        there, here = (
            each.post(f"/predict?run={finished}", content=image, headers={"Content-Type": "image/png"}).json()
            for each in (restored, client)
        )
        assert there == here
        try:
            others.start()
            assert ended(restored, running)["status"] == "succeeded"
            assert outcome(restored, running) == outcome(client, running)  # it continued from its checkpoint
            assert ended(restored, waiting)["status"] == "succeeded"
        finally:
            others.stop()


def test_a_file_that_is_missing_is_named(client: TestClient, settings: Settings, tmp_path: Path) -> None:
    (settings.files / "datasets/digits/inputs.npy").unlink()
    assert backup(settings, tmp_path / "copy.tar") == ["datasets/digits/inputs.npy"]
    assert (tmp_path / "copy.tar").exists()


def test_nothing_is_overwritten_and_nothing_half_restored(
    client: TestClient, settings: Settings, tmp_path: Path
) -> None:
    target = tmp_path / "copy.tar"
    target.write_text("something else")
    with pytest.raises(BackupFailed, match="exists already"):
        backup(settings, target)
    assert target.read_text() == "something else"
    with pytest.raises(BackupFailed, match="is not empty"):
        restore(settings, target)
    elsewhere = Settings(home=tmp_path / "elsewhere", _env_file=None)
    with pytest.raises(BackupFailed, match="cannot be restored"):
        restore(elsewhere, target)
    hostile = tmp_path / "hostile.tar"
    with tarfile.open(hostile, "w") as archive:
        archive.add(target, "../outside")
    with pytest.raises(BackupFailed):
        restore(elsewhere, hostile)
    assert not elsewhere.home.exists() and not (tmp_path / "outside").exists()
    assert not list(tmp_path.glob(".restore-*"))


@pytest.mark.parametrize("before", [None, 0o750], ids=["no home", "an empty home"])
def test_a_restored_home_belongs_to_this_user_alone_unless_it_was_there(
    template: Template, tmp_path: Path, before: int | None
) -> None:
    template.fill(tmp_path / "home")
    backup(Settings(home=tmp_path / "home", _env_file=None), tmp_path / "copy.tar")
    target = tmp_path / "restored"
    if before is not None:
        target.mkdir()
        target.chmod(before)
    restore(Settings(home=target, _env_file=None), tmp_path / "copy.tar")
    assert stat.S_IMODE(target.stat().st_mode) == (before or 0o700)


def test_of_postgres_the_way_is_told(tmp_path: Path) -> None:
    with pytest.raises(BackupFailed, match="pg_dump"):
        backup(Settings(home=tmp_path, database_url="postgresql+psycopg://a@b/c", _env_file=None), tmp_path / "a.tar")


def test_a_service_that_has_not_been_upgraded_yet_is_backed_up(settings: Settings, tmp_path: Path) -> None:
    """Users make a backup before an upgrade."""
    settings.home.mkdir()
    database = Database(settings.database)
    migrate_to(database, "0006")
    with database.engine.execution_options(writes=True).begin() as connection:
        connection.execute(text("INSERT INTO datasets (id, name, status, about, skipped, attempt, deaths, created_at)"
                                " VALUES ('digits', 'digits', 'ready', '{}', '[]', 0, 0, 1.0)"))  # fmt: skip
    database.close()
    BUILTIN["digits"].load().save(LocalFiles(settings.files), "datasets/digits")
    assert backup(settings, tmp_path / "copy.tar") == []
    with tarfile.open(tmp_path / "copy.tar") as archive:
        assert "files/datasets/digits/inputs.npy" in archive.getnames()
