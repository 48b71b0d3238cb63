"""A backup whose rows name files outside of the store is not restored, and such files are neither served nor deleted.

What stays available: the files of the machine, for those who may read them, and all other runs and datasets.
"""

import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, update
from sqlalchemy.orm import Session

from app.constants import DELETED
from app.ops.backup import BackupFailed, backup, restore
from app.settings import Settings
from app.storage.database import Database
from app.storage.files import Files, LocalFiles, OutsideOfStore
from app.storage.tables import CheckpointRow, Dataset
from tests.support.rows import insert_run
from tests.support.services import Service, Template, client_of

OUTSIDE = [
    "../antigrad.db", "../../secret", "/etc/passwd", "runs/../../antigrad.db", "..", ".", "", "runs//x", "runs/x/",
    "./runs", "a\0b",
]  # fmt: skip


def checkpoint(db: Session, name: str) -> None:
    insert_run(db, "run_x")
    db.execute(insert(CheckpointRow).values(run="run_x", step=1, epoch=0, file=name, created_at=1.0))


def folder(db: Session, name: str) -> None:
    db.execute(update(Dataset).where(Dataset.id == "digits").values(folder=name))


ROWS: dict[str, Callable[[Session, str], Any]] = {
    "weights": lambda db, name: insert_run(db, "run_x", weights=name),
    "checkpoint": lambda db, name: insert_run(db, "run_x", "queued", checkpoint=name),
    "an earlier checkpoint": checkpoint,
    "a dataset's folder": folder,
    "the id of a run": lambda db, name: insert_run(db, name, DELETED),
}


@pytest.fixture
def home(template: Template, tmp_path: Path) -> Settings:
    template.fill(tmp_path / "home")
    (tmp_path / "secret").write_text("of another user")
    return Settings(home=tmp_path / "home", _env_file=None)


def change(settings: Settings, row: str, name: str) -> None:
    database = Database(settings.database)
    with database.write() as db:
        ROWS[row](db, name)
    database.close()


@pytest.mark.parametrize("name", ["../../secret", "/etc/passwd"])
@pytest.mark.parametrize("row", ROWS)
def test_a_backup_that_names_files_outside_is_not_restored(home: Settings, tmp_path: Path, row: str, name: str) -> None:
    change(home, row, name)
    with tarfile.open(tmp_path / "hostile.tar", "w") as archive:
        archive.add(home.home / "antigrad.db", "antigrad.db")
        archive.add(home.files, "files")
    target = Settings(home=tmp_path / "restored", _env_file=None)
    with pytest.raises(BackupFailed, match="names a file outside of the file store, ") as refused:
        restore(target, tmp_path / "hostile.tar")
    assert name in str(refused.value)
    assert not target.home.exists() and not list(tmp_path.glob(".restore-*"))


@pytest.mark.parametrize("row", [row for row in ROWS if row != "the id of a run"])
def test_a_backup_takes_no_file_from_outside(home: Settings, tmp_path: Path, row: str) -> None:
    change(home, row, "../../secret")
    with pytest.raises(BackupFailed, match=r"outside of the file store, '\.\./\.\./secret"):
        backup(home, tmp_path / "copy.tar")
    assert not list(tmp_path.glob("*copy.tar*"))


@pytest.fixture
def hostile(home: Settings) -> Iterator[Service]:
    change(home, "weights", "../antigrad.db")
    change(home, "a dataset's folder", "../..")
    with client_of(home, raise_server_exceptions=False) as client:
        yield Service.of(client)


@pytest.mark.parametrize(
    "path", ["/runs/run_x/weights", "/datasets/digits/images/3.png", "/datasets/digits/export.npz"]
)
def test_a_file_outside_is_not_served(hostile: Service, path: str) -> None:
    answer = hostile.client.get(path)
    assert (answer.status_code, answer.json()["code"]) == (500, "file_outside_of_store")
    assert hostile.client.get("/readyz").status_code == 200


def test_weights_outside_are_not_loaded(hostile: Service) -> None:
    answer = hostile.client.post("/predict?run=run_x", json={"instances": [[0.0]]})
    assert (answer.status_code, answer.json()["code"]) == (500, "file_outside_of_store")


@pytest.fixture(params=["local", "s3"])
def files(request: pytest.FixtureRequest, tmp_path: Path) -> Files:
    if request.param == "local":
        return LocalFiles(tmp_path / "home/files")
    from app.storage.files.s3 import S3Files

    return S3Files("bucket/prefix", tmp_path / "home/cache")  # nothing is asked of the store


@pytest.mark.parametrize("name", OUTSIDE, ids=ascii)
def test_no_method_of_a_store_leaves_it(files: Files, tmp_path: Path, name: str) -> None:
    kept = tmp_path / "home/kept"
    kept.parent.mkdir()
    kept.write_text("kept")
    for method in (files.read, files.local, files.exists, files.delete, files.delete_folder):
        with pytest.raises(OutsideOfStore):
            method(name)
    with pytest.raises(OutsideOfStore):
        files.write(name, b"x")
    assert kept.read_text() == "kept" and not (tmp_path / "secret").exists()


def test_a_backup_without_such_names_is_restored(home: Settings, tmp_path: Path, template: Template) -> None:
    change(home, "an earlier checkpoint", "runs/run_x/1/checkpoint-1.safetensors")
    backup(home, tmp_path / "copy.tar")
    target = Settings(home=tmp_path / "restored", _env_file=None)
    restore(target, tmp_path / "copy.tar")
    with client_of(target) as client:
        assert client.get("/datasets/digits/images/3.png").status_code == 200
