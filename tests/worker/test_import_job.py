"""Imports by a worker: limits of its processes, and the catalogue with a local server."""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import psutil
import pytest
from fastapi.testclient import TestClient

from app.datasets.catalogue.published import CATALOGUE
from app.settings import Settings
from app.storage import datasets, migrate
from app.storage.database import Database, database_now
from app.storage.files import LocalFiles
from app.storage.queue.import_claims import import_claims
from tests.support.archives import letters, png, zipped
from tests.support.numbered import idx
from tests.support.site import Answer, serving
from tests.support.workers import Workers
from tests.worker.locked import locked_for, no_waiting
from worker import import_job


def limited(worker: int) -> Iterator[tuple[str, int, int, int]]:
    """The command, and the limits of data, address space and files, of each process under a worker."""
    for process in psutil.Process(worker).children(recursive=True):
        try:
            limits = [process.rlimit(of)[0] for of in (psutil.RLIMIT_DATA, psutil.RLIMIT_AS, psutil.RLIMIT_FSIZE)]
            yield " ".join(process.cmdline()), limits[0], limits[1], limits[2]
        except psutil.NoSuchProcess:
            continue


@pytest.mark.long
def test_many_files_are_imported_behind_the_answer_by_processes_that_have_a_bound(
    client: TestClient, workers: Workers
) -> None:
    worker = workers.start().pid
    picture = png()
    body = zipped({f"{number % 2}/{number}.png": picture for number in range(20_000)})
    answer = client.post("/datasets?name=letters", content=body)
    assert answer.status_code == 202 and answer.json()["status"] == "importing"
    id, progress = answer.json()["id"], [0.0]
    importing, decoding = False, False
    while (found := client.get(f"/datasets/{id}").json())["status"] == "importing":
        progress.append(found["progress"].get("fraction", progress[-1]))
        for command, data, space, size in limited(worker):
            importing |= 0 < data < 4 * 1024**3 and "decoder" not in command
            decoding |= 0 < space <= 2 * 1024**3 and size == 0 and "app.datasets.images.decoder" in command
        time.sleep(0.005)
    assert client.get(f"/datasets/{id}").json()["status"] == "ready"
    assert importing and decoding
    assert progress == sorted(progress) and 0 < progress[-1] < 1


def test_files_of_the_catalogue_that_were_fetched_elsewhere_are_known_for_what_they_are(
    client: TestClient, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    entry, body = CATALOGUE["notmnist-small"], zipped(letters("ABC", 3))
    known = replace(entry.files[0], sha256=hashlib.sha256(body).hexdigest())
    monkeypatch.setitem(CATALOGUE, entry.name, replace(entry, files=(known,)))
    answer = client.post(f"/datasets?name=mine&catalogue={entry.name}", content=body)
    assert answer.status_code == 202, answer.text
    database = Database(settings.database)
    with database.read() as db:
        found = datasets.importing(db, "mine")
    assert found is not None
    read = import_job._read(
        found, LocalFiles(settings.files), settings.home, import_job.Progress(database, found.id, 1)
    )
    assert read.about["files"] == [{"file": known.name, "sha256": known.sha256, "verified": True}]
    assert len(read.arrays.targets) == 9
    database.close()


def test_an_import_begins_once_the_database_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    no_waiting(monkeypatch)
    database, files = Database(f"sqlite:///{tmp_path}/antigrad.db"), LocalFiles(tmp_path / "files")
    migrate.upgrade(database)
    monkeypatch.setattr(import_job, "Commands", lambda *_: None)  # its listener would end this process
    job = {"id": "ds_deleted", "attempt": 1, "lease_seconds": 30, "home": str(tmp_path)}
    with locked_for(tmp_path / "antigrad.db", tries=2) as warnings:
        import_job.main(job, database, files, 0)
    assert len(warnings) == 2
    database.close()


def test_one_of_the_catalogue_is_fetched_checked_and_read_by_its_parts(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    chance = np.random.default_rng(0)
    arrays = {
        "images": chance.integers(0, 256, (40, 28, 28), dtype=np.uint8),
        "labels": np.arange(40, dtype=np.uint8) % 10,
        "test_images": chance.integers(0, 256, (20, 28, 28), dtype=np.uint8),
        "test_labels": np.arange(20, dtype=np.uint8) % 10,
    }
    bodies = [idx(array) for array in arrays.values()]
    settings.home.mkdir(parents=True)
    database, files = Database(settings.database), LocalFiles(settings.files)
    migrate.upgrade(database)
    with serving() as site:
        site.answers = [Answer(body) for body in bodies]
        sums = [hashlib.sha256(body).hexdigest() for body in bodies]
        entry = CATALOGUE["fashion-mnist"]
        local = [
            replace(file, url=f"{site.address}/{file.name}", mirrors=(), bytes=len(body), sha256=sha256, md5=None)
            for file, body, sha256 in zip(entry.files, bodies, [*sums[:3], None], strict=True)
        ]
        monkeypatch.setitem(CATALOGUE, entry.name, replace(entry, files=tuple(local)))
        with database.write() as db:
            datasets.create(db, "ds_1", entry.name, {"roles": [], "catalogue": entry.name})
        with database.write() as db:
            import_claims.claim(db, "worker", database_now(), 60)
            found = datasets.get(db, "ds_1")
        imported = import_job._read(found, files, Path(settings.home), import_job.Progress(database, "ds_1", 1))
    assert np.array_equal(imported.arrays.inputs[:, 0], np.concatenate([arrays["images"], arrays["test_images"]]))
    assert imported.arrays.targets.tolist() == [*arrays["labels"], *arrays["test_labels"]]
    assert imported.arrays.own_split == ["train", "test"] and imported.arrays.classes[0] == "T-shirt/top"
    assert [file["sha256"] for file in imported.about["files"]] == sums
    assert [file["verified"] for file in imported.about["files"]] == [True, True, True, False]
    database.close()
