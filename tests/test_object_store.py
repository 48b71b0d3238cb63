"""Machines that share only Postgres and an object store: the API has one home, the worker another."""

import io
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from app.ops.backup import BackupFailed, backup, restore
from app.settings import Settings
from tests.support.archives import letters, zipped
from tests.support.commands import doctor
from tests.support.object_store import ObjectStore
from tests.support.postgres import Postgres
from tests.support.processes import children
from tests.support.runs import ended, outcome, until_step
from tests.support.services import client_of
from tests.support.uploads import settled, upload
from tests.support.workers import Workers

REQUEST = {"dataset": "letters", "batch_size": 8, "stop": {"max_epochs": 300}, "device": "cpu"}


@pytest.fixture
def bucket(object_store: ObjectStore) -> str:
    return object_store.new_bucket()


@pytest.fixture
def settings(tmp_path: Path, postgres: Postgres, bucket: str) -> Settings:
    url = postgres.new_database()
    home = tmp_path / "home"
    return Settings(home=home, database_url=url, files_url=f"s3://{bucket}/antigrad", _env_file=None)


@pytest.fixture
def workers(client: TestClient, settings: Settings, tmp_path: Path) -> Iterator[Workers]:
    workers = Workers(settings.model_copy(update={"home": tmp_path / "elsewhere"}))
    yield workers
    workers.stop()


def test_the_whole_path_and_a_kill_in_its_middle(
    client: TestClient, workers: Workers, object_store: ObjectStore, bucket: str, tmp_path: Path
) -> None:
    worker = workers.start()
    assert client.get("/readyz").status_code == 200
    builtin = object_store.keys(bucket)
    assert "antigrad/datasets/notmnist/meta.json" in builtin

    upload(client, "letters", zipped(letters("ABC", each=20)))
    found = settled(client, "letters")
    assert found["status"] == "ready", found
    assert client.get("/datasets/letters/preview.png").content.startswith(b"\x89PNG")
    with np.load(io.BytesIO(client.get("/datasets/letters/export.npz").content), allow_pickle=False) as arrays:
        assert arrays["inputs"].shape == (60, 1, 28, 28)

    undisturbed = client.post("/runs", json=REQUEST).json()["id"]
    assert ended(client, undisturbed)["status"] == "succeeded"
    run = client.post("/runs", json=REQUEST).json()["id"]
    while not client.get(f"/runs/{run}/checkpoints").json()["items"]:
        until_step(client, run, 1)
    os.kill(children(worker.pid)[0], signal.SIGKILL)
    over = ended(client, run)
    assert over["status"] == "succeeded" and over["attempt"] == 2, over
    assert outcome(client, run) == outcome(client, undisturbed)
    assert client.get(f"/runs/{run}/evaluation").json()["accuracy"] >= 0

    image = client.get("/datasets/letters/images/0.png").content
    headers = {"Content-Type": "image/png"}
    (prediction,) = client.post(f"/predict?run={run}", content=image, headers=headers).json()["predictions"]
    assert prediction["label"] in "ABC"
    step = client.get(f"/runs/{run}/checkpoints").json()["items"][0]["step"]
    assert client.post(f"/predict?run={run}&step={step}", content=image, headers=headers).status_code == 200

    for id in (run, undisturbed):
        assert client.delete(f"/runs/{id}").status_code == 204
    assert client.delete("/datasets/letters").status_code == 204
    assert object_store.keys(bucket) == builtin
    for home in ("home", "elsewhere"):  # both contain only cached copies
        folders = {path.relative_to(tmp_path / home).parts[0] for path in (tmp_path / home).iterdir()}
        assert folders <= {"cache", "exports", "workers"}
    assert not list((tmp_path / "home" / "cache").glob("**/*.part"))


@pytest.mark.long
def test_another_api_process_starts_over_the_same_store(
    client: TestClient, workers: Workers, settings: Settings, tmp_path: Path
) -> None:
    workers.start()
    run = client.post("/runs", json={"dataset": "digits", "stop": {"max_epochs": 1}}).json()["id"]
    assert ended(client, run)["status"] == "succeeded"
    other = settings.model_copy(update={"home": tmp_path / "another"})
    with client_of(other) as another:
        assert another.get(f"/runs/{run}/weights").content == client.get(f"/runs/{run}/weights").content
        assert (
            another.get("/datasets/digits/images/3.png").content == client.get("/datasets/digits/images/3.png").content
        )


def test_a_refused_upload_leaves_no_object(client: TestClient, object_store: ObjectStore, bucket: str) -> None:
    before = object_store.keys(bucket)
    assert upload(client, "letters", b"").status_code == 422
    upload(client, "letters", zipped(letters()))
    kept = object_store.keys(bucket)
    assert len(kept - before) == 1
    assert upload(client, "other", zipped(letters()), **{"Idempotency-Key": "k"}).status_code == 202
    assert upload(client, "other", b"x", **{"Idempotency-Key": "k"}).status_code == 422  # refused after the body
    assert client.delete("/datasets/other").status_code == 204
    assert object_store.keys(bucket) == kept
    assert client.delete("/datasets/letters").status_code == 204
    assert object_store.keys(bucket) == before


@pytest.mark.long
def test_an_interrupted_deletion_goes_on_when_it_is_asked_for_again(
    client: TestClient, workers: Workers, object_store: ObjectStore, bucket: str
) -> None:
    workers.start()
    before = object_store.keys(bucket)
    upload(client, "letters", zipped(letters()))
    assert settled(client, "letters")["status"] == "ready"
    run = client.post("/runs", json={"dataset": "digits", "stop": {"max_epochs": 1}}).json()["id"]
    ended(client, run)
    workers.stop()
    workers.started.clear()
    object_store.door.shut()
    try:
        for path in (f"/runs/{run}", "/datasets/letters"):
            answer = client.delete(path)
            assert answer.status_code == 503 and "does not answer" in answer.json()["detail"]
        assert client.get(f"/runs/{run}").status_code == 404
        assert client.get("/datasets/letters").json()["status"] == "ready"  # nothing of it was deleted
    finally:
        object_store.door.open()
    assert client.delete(f"/runs/{run}").status_code == 204
    assert client.delete("/datasets/letters").status_code == 204
    kept = {key for key in object_store.keys(bucket) if "/digits/splits/" not in key}  # the run's split, of the dataset
    assert kept == before
    assert client.delete(f"/runs/{run}").status_code == 404


def test_doctor_and_backup_know_of_the_store(client: TestClient, settings: Settings, object_store: ObjectStore) -> None:
    variables = {
        "ANTIGRAD_HOME": str(settings.home),
        "ANTIGRAD_DATABASE_URL": settings.database_url,
        "ANTIGRAD_FILES_URL": settings.files_url,
    }
    code, found = doctor(**variables)
    assert code == 0 and found["storage"]["detail"] == f"{settings.files_url} can be written to"
    code, found = doctor(**variables | {"ANTIGRAD_FILES_URL": "s3://no-such-bucket"})
    assert code == 1 and "bucket does not exist" in found["storage"]["detail"]
    assert "AWS_ENDPOINT_URL" in found["storage"]["advice"]
    for refuse in (backup, restore):
        with pytest.raises(BackupFailed, match="ANTIGRAD_FILES_URL"):
            refuse(settings, settings.home / "copy.tar")
