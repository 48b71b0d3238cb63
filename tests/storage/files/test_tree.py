"""Folders are listed while other processes delete what is in them."""

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from app.ops.orphans import orphans
from app.storage import migrate
from app.storage.database import Database
from app.storage.files import LocalFiles
from app.storage.files.tree import bytes_of, files_below


@pytest.fixture
def files(tmp_path: Path) -> LocalFiles:
    """Two runs with a file each, of which one is half-written."""
    files = LocalFiles(tmp_path / "files")
    for run in ("run_1", "run_2"):
        files.write(f"runs/{run}/1/weights", b"12345")
    files.local("runs/run_1/1/.weights.0.part").write_bytes(b"12")
    return files


@pytest.fixture
def vanish(monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], None]:
    """Let a folder be deleted in the moment before it is listed."""

    def arrange(folder: Path) -> None:
        def delete_first(path: Any) -> Any:
            if path == str(folder) or path == folder:  # others list by descriptor
                shutil.rmtree(folder, ignore_errors=True)
            return scandir(path)

        scandir = os.scandir
        monkeypatch.setattr(os, "scandir", delete_first)

    return arrange


def test_a_folder_that_vanishes_is_left_out(files: LocalFiles, vanish: Callable[[Path], None]) -> None:
    vanish(files.root / "runs/run_2")
    assert {path.name for path in files_below(files.root)} == {"weights", ".weights.0.part"}
    assert list(files_below(files.root / "runs/run_2")) == []
    assert files.size("runs") == bytes_of(files.root / "runs") == 7


def test_a_sweep_goes_past_a_folder_that_vanishes(files: LocalFiles, vanish: Callable[[Path], None]) -> None:
    vanish(files.root / "runs/run_2")
    files.sweep()
    assert [path.name for path in files_below(files.root)] == ["weights"]


def test_a_file_that_vanishes_counts_nothing(files: LocalFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    def delete_first(path: Path, **options: Any) -> os.stat_result:
        if path.suffix == ".part":
            path.unlink(missing_ok=True)
        return stat(path, **options)

    stat = Path.stat
    monkeypatch.setattr(Path, "stat", delete_first)
    assert files.size("runs/run_1") == 5


def test_a_folder_that_is_being_deleted_is_no_orphan(
    files: LocalFiles, tmp_path: Path, vanish: Callable[[Path], None]
) -> None:
    database = Database(f"sqlite:///{tmp_path}/antigrad.db")
    migrate.upgrade(database)
    long_ago = time.time() - 10**6
    for path in [*files.root.rglob("*")]:
        os.utime(path, (long_ago, long_ago))
    vanish(files.root / "runs/run_2")
    assert orphans(database, files) == ["runs/run_1"]
    database.close()
