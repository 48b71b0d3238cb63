"""Datasets of one's own, from the upload to a prediction, with real workers."""

import io
import os
import signal
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient

from app.settings import Settings
from tests.chaos.test_kills import children
from tests.conftest import Workers
from tests.datasets.archives import letters, png, tarred, zipped
from tests.test_main_job import ended

LECTURE = letters("ABCDEFGHIJ", each=10) | {
    "notMNIST_small/A/RGVtb2NyYXRpY2FCb2xkT2xkc3R5bGUgQm9sZC50dGY=.png": b"",
    "notMNIST_small/F/Q3Jvc3NvdmVyIEJvbGRPYmxpcXVlLnR0Zg==.png": b"\x89PNG broken",
    "__MACOSX/notMNIST_small/A/._0.png": b"junk",
}


def upload(client: TestClient, name: str, archive: bytes, **headers: str) -> httpx.Response:
    return client.post(f"/datasets?name={name}", content=archive, headers=headers)


def settled(client: TestClient, name: str) -> dict[str, Any]:
    deadline = time.monotonic() + 200
    while (found := client.get(f"/datasets/{name}").json())["status"] == "importing":
        assert time.monotonic() < deadline, found
        time.sleep(0.02)
    return dict(found)


def stored(settings: Settings) -> set[str]:
    """The files of uploads."""
    return {str(file.relative_to(settings.files)) for file in settings.files.glob("datasets/ds_*/**/*")}


def test_the_lectures_letters_are_imported_trained_and_classified(client: TestClient, workers: Workers) -> None:
    workers.start()
    answer = upload(client, "letters", tarred(LECTURE, "w:gz"))
    assert answer.status_code == 202 and answer.json()["status"] == "importing"
    assert answer.headers["Location"] == f"/datasets/{answer.json()['id']}" and answer.headers["Retry-After"]
    found = settled(client, "letters")
    assert found["status"] == "ready" and found["examples"] == 100 and found["shape"] == [1, 28, 28]
    assert [item["label"] for item in found["classes"]] == list("ABCDEFGHIJ")
    assert {item["count"] for item in found["classes"]} == {10}
    assert [item["file"].split("/")[1] for item in found["skipped"]] == ["A", "F"]
    assert all("no readable picture" in item["reason"] for item in found["skipped"])

    parts = {
        part: client.get("/datasets/letters/samples", params={"part": part, "limit": 200}).json()["items"]
        for part in ("train", "validation", "test")
    }
    assert {part: len(items) for part, items in parts.items()} == {"train": 64, "validation": 16, "test": 20}
    assert sorted(item["label"] for item in parts["test"]) == sorted("ABCDEFGHIJ" * 2)  # stratified
    assert client.get("/datasets/letters/preview.png").content.startswith(b"\x89PNG")
    with np.load(io.BytesIO(client.get("/datasets/letters/export.npz").content), allow_pickle=False) as arrays:
        assert arrays["inputs"].shape == (100, 1, 28, 28) and arrays["classes"].tolist() == list("ABCDEFGHIJ")

    queued = client.post("/runs", json={"dataset": "letters", "batch_size": 8, "stop": {"max_epochs": 40}})
    run = ended(client, queued.json()["id"])
    assert run["status"] == "succeeded" and run["environment"]["dataset_checksum"] == found["checksum"]
    learnt = parts["train"][0]
    image = client.get(f"/datasets/letters/images/{learnt['index']}.png").content
    predicted = client.post(f"/predict?run={run['id']}", content=image, headers={"Content-Type": "image/png"})
    assert predicted.json()["predictions"][0]["label"] == learnt["label"]


def test_the_same_pictures_make_the_same_dataset_however_they_come(client: TestClient, workers: Workers) -> None:
    workers.start()
    upload(client, "raw", zipped(LECTURE))
    client.post("/datasets?name=form", files={"file": ("letters.tar", tarred(LECTURE))})
    raw, form = settled(client, "raw"), settled(client, "form")
    assert raw["status"] == form["status"] == "ready" and raw["checksum"] == form["checksum"]


def test_until_it_is_ready_it_says_so_and_nothing_half_imported_is_read(client: TestClient) -> None:
    upload(client, "letters", zipped(LECTURE))  # no worker: it stays importing
    for path in ("samples", "preview.png", "images/0.png", "export.npz"):
        answer = client.get(f"/datasets/letters/{path}")
        assert answer.status_code == 409 and "when it is ready" in answer.json()["detail"]
    answer = client.post("/runs", json={"dataset": "letters"})
    assert answer.status_code == 409 and "importing" in answer.json()["detail"]


def test_a_name_is_taken_once_and_a_key_makes_one_dataset(client: TestClient, settings: Settings) -> None:
    archive = zipped(LECTURE)
    first = upload(client, "letters", archive, **{"Idempotency-Key": "k1"})
    assert first.status_code == 202
    again = upload(client, "letters", archive, **{"Idempotency-Key": "k1"})
    assert again.status_code == 200 and again.json()["id"] == first.json()["id"]
    assert upload(client, "letters", zipped(letters()), **{"Idempotency-Key": "k1"}).status_code == 422
    taken = upload(client, "letters", archive)
    assert taken.status_code == 409 and "letters" in taken.json()["detail"]
    assert upload(client, "notmnist", archive).status_code == 409
    assert {Path(file).parts[1] for file in stored(settings)} == {first.json()["id"]}  # refused ones leave nothing


def test_deleting_takes_the_files_but_never_what_a_run_needs(
    client: TestClient, workers: Workers, settings: Settings
) -> None:
    workers.start()
    upload(client, "letters", zipped(LECTURE))
    assert settled(client, "letters")["status"] == "ready"
    run = client.post("/runs", json={"dataset": "letters", "stop": {"max_epochs": 1}}).json()["id"]
    refused = client.delete("/datasets/letters")
    assert refused.status_code == 409 and run in refused.json()["detail"]
    ended(client, run)
    assert client.delete(f"/runs/{run}").status_code == 204
    assert client.delete("/datasets/letters").status_code == 204
    assert client.get("/datasets/letters").status_code == 404 and stored(settings) == set()
    assert client.delete("/datasets/notmnist").status_code == 409


@pytest.mark.parametrize("victim", ["child", "worker"])
def test_a_killed_import_starts_over_and_leaves_nothing_half_done(
    client: TestClient, workers: Workers, settings: Settings, victim: str
) -> None:
    worker = workers.start()
    archive = zipped({f"{letter}/{i}.png": png(i, (400, 400)) for letter in "AB" for i in range(60)})
    id = upload(client, "letters", archive).json()["id"]
    while not (found := children(worker.pid)):
        time.sleep(0.005)
    if victim == "child":
        os.kill(found[0], signal.SIGKILL)
    else:
        worker.kill()
        worker.wait()
        assert client.get("/datasets/letters").json()["status"] == "importing"
        workers.start()
    assert settled(client, "letters")["status"] == "ready"
    assert len(client.get("/datasets/letters/samples", params={"limit": 200}).json()["items"]) == 24
    wanted = {f"datasets/{id}/{name}" for name in ("inputs.npy", "targets.npy", "meta.json")}
    deadline = time.monotonic() + 10
    while (left := stored(settings)) != wanted:  # the upload goes a moment after it is ready
        assert time.monotonic() < deadline, left
        time.sleep(0.05)


HOPELESS = {
    "text": (b"hello", "no archive"),
    "no files": (zipped({}), "no folder holds"),
    "one class": (zipped(letters("A")), "only the folder 'A'"),
    "cut off": (tarred(LECTURE, "w:gz")[:2000], ""),
    "leads out": (zipped({"../A/0.png": png(0), "../B/0.png": png(1)}), ".. in its path"),
    "a bomb": (zipped({"A/0.png": b"\0" * 70_000_000, "B/0.png": b"\0" * 70_000_000}), "is over"),
}


def test_what_is_no_dataset_fails_with_a_sentence_and_is_gone_from_the_disk(
    client: TestClient, workers: Workers, settings: Settings
) -> None:
    workers.start()
    for number, (archive, said) in enumerate(HOPELESS.values()):
        name = f"hopeless{number}"
        assert upload(client, name, archive).status_code == 202
        found = settled(client, name)
        assert found["status"] == "failed" and said in found["error"], found["error"]
    deadline = time.monotonic() + 10
    while stored(settings):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert client.delete("/datasets/hopeless0").status_code == 204  # the name is free again
    assert not (settings.files.parent / "A").exists()


def test_an_upload_that_cannot_be_taken_leaves_nothing(quick_client: TestClient) -> None:
    def refused(answer: httpx.Response, status: int) -> None:
        assert answer.status_code == status and answer.headers["content-type"] == "application/problem+json"

    refused(upload(quick_client, "empty", b""), 422)
    refused(upload(quick_client, "../x", b"PK"), 422)
    refused(upload(quick_client, "ds_mine", b"PK"), 422)
    refused(quick_client.post("/datasets?name=a", files={"picture": ("a.zip", b"PK")}), 422)
    refused(upload(quick_client, "large", b"PK", **{"Content-Length": str(2**31)}), 413)
    assert not any(item["id"].startswith("ds_") for item in quick_client.get("/datasets").json()["items"])
