"""Datasets of the user, from the upload to a prediction, with real workers."""

import contextlib
import io
import os
import signal
import time
from pathlib import Path

import httpx
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from app.datasets.images.decoding import AT_ONCE
from app.settings import Settings
from tests.support.archives import COMPRESSED, letters, png, tarred, zipped
from tests.support.processes import children, until
from tests.support.runs import ended
from tests.support.uploads import LECTURE, settled, stored, upload
from tests.support.workers import Workers


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
    assert all("not a readable picture" in item["reason"] for item in found["skipped"])

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
    upload(client, "zst", COMPRESSED["zst"](tarred(LECTURE)))
    client.post("/datasets?name=form", files={"file": ("letters.tar", tarred(LECTURE))})
    found = [settled(client, name) for name in ("raw", "zst", "form")]
    assert {item["status"] for item in found} == {"ready"} and len({item["checksum"] for item in found}) == 1


def test_a_table_is_imported_as_csv_and_as_parquet(client: TestClient, workers: Workers) -> None:
    workers.start()
    table, file = pa.table({"rooms": [1, 2, 3, 4], "price": [1.0, 2.0, 3.5, 4.0]}), io.BytesIO()
    pq.write_table(table, file)
    rows = "".join(f"{row['rooms']},{row['price']}\n" for row in table.to_pylist())
    for name, data in (("csv", f"rooms,price\n{rows}".encode()), ("parquet", file.getvalue())):
        client.post(f"/datasets?name={name}&target=price", content=data)
    csv, parquet = settled(client, "csv"), settled(client, "parquet")
    assert csv["status"] == parquet["status"] == "ready" and csv["checksum"] == parquet["checksum"]


def test_a_list_counts_what_one_dataset_tells_at_length(client: TestClient, workers: Workers) -> None:
    workers.start()
    columns = [f"column_{number}" for number in range(500)]
    rows = [",".join(str(3 * line + place) for place in range(500)) for line in range(30)]
    client.post("/datasets?name=wide&target=column_0", content="\n".join([",".join(columns), *rows]).encode())
    broken = {f"A/broken{number:04}.png": b"" for number in range(1500)}
    upload(client, "letters", zipped(letters("ABC", 10, around="") | broken))
    wide, pictures = settled(client, "wide"), settled(client, "letters")
    assert len(wide["columns"]) == 499 and len(wide["feature_names"]) == 499 and len(pictures["skipped"]) == 1001
    answer = client.get("/datasets")
    items = {item["name"]: item for item in answer.json()["items"]}
    assert items["wide"]["column_count"] == 499 and items["letters"]["class_count"] == 3
    assert items["letters"]["skipped_count"] == 1500 and items["letters"]["warning_count"] == 1
    assert items["wide"]["skipped_count"] == items["wide"]["warning_count"] == items["notmnist"]["skipped_count"] == 0
    for found in (wide, pictures):
        assert items[found["name"]].items() <= found.items()
    assert len(answer.content) < 1000 * len(items)


@pytest.mark.sql
def test_until_it_is_ready_it_says_so_and_nothing_half_imported_is_read(client: TestClient) -> None:
    upload(client, "letters", zipped(LECTURE))  # no worker: it stays importing
    for path in ("samples", "preview.png", "images/0.png", "export.npz"):
        answer = client.get(f"/datasets/letters/{path}")
        assert answer.status_code == 409 and "when it is ready" in answer.json()["detail"]
    answer = client.post("/runs", json={"dataset": "letters"})
    assert answer.status_code == 409 and "importing" in answer.json()["detail"]


@pytest.mark.sql
def test_a_key_makes_one_dataset_and_a_taken_name_makes_a_version(client: TestClient, settings: Settings) -> None:
    archive = zipped(LECTURE)
    first = upload(client, "letters", archive, **{"Idempotency-Key": "k1"})
    assert first.status_code == 202 and first.json()["version"] == 1
    again = upload(client, "letters", archive, **{"Idempotency-Key": "k1"})
    assert again.status_code == 200 and again.json()["id"] == first.json()["id"]
    assert upload(client, "letters", zipped(letters()), **{"Idempotency-Key": "k1"}).status_code == 422
    second = upload(client, "letters", archive)
    assert second.status_code == 202 and second.json()["version"] == 2
    assert upload(client, "notmnist", archive).status_code == 409
    kept = {first.json()["id"], second.json()["id"]}
    assert {Path(file).parts[1] for file in stored(settings)} == kept  # refused ones leave nothing


@pytest.mark.sql
def test_a_name_means_its_newest_ready_version_and_a_run_says_which_it_had(
    client: TestClient, workers: Workers
) -> None:
    workers.start()
    upload(client, "letters", zipped(letters("ABC", 10)))
    first = settled(client, "letters")
    run = client.post("/runs", json={"dataset": "letters", "stop": {"max_epochs": 1}}).json()
    upload(client, "letters", zipped(letters("ABCD", 10)))
    upload(client, "letters", b"nonsense")
    deadline = time.monotonic() + 100
    while any(item["status"] == "importing" for item in client.get("/datasets").json()["items"]):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    newest = client.get("/datasets/letters").json()
    assert newest["version"] == 2 and newest["examples"] == 40  # the third version has failed
    environment = client.get(f"/runs/{run['id']}").json()["environment"]
    assert environment["dataset_name"] == "letters" and environment["dataset_version"] == 1
    assert run["request"]["dataset"] == first["id"]
    of_all = client.get("/runs", params={"dataset": "letters"}).json()["items"]
    assert [item["id"] for item in of_all] == [run["id"]]
    assert client.get("/runs", params={"dataset": newest["id"]}).json()["items"] == []


@pytest.mark.sql
def test_the_same_content_is_stored_once_and_stays_until_the_last_one_goes(
    client: TestClient, workers: Workers, settings: Settings
) -> None:
    workers.start()
    for name, archive in (("one", zipped(LECTURE)), ("two", tarred(LECTURE, "w:gz"))):
        upload(client, name, archive)
    found = [settled(client, name) for name in ("one", "two")]
    assert found[0]["checksum"] == found[1]["checksum"]
    contents = {f"arrays/{found[0]['checksum']}/{name}" for name in ("inputs.npy", "targets.npy", "meta.json")}
    until(lambda: stored(settings) == contents)  # the files of an ended import are deleted shortly after its end
    assert client.delete("/datasets/one").status_code == 204
    assert stored(settings) == contents
    assert client.get("/datasets/two/images/0.png").status_code == 200
    assert client.delete("/datasets/two").status_code == 204
    assert stored(settings) == set()


def test_an_import_shows_how_far_it_has_come_and_can_be_cancelled(
    client: TestClient, workers: Workers, settings: Settings
) -> None:
    workers.start()
    file = io.BytesIO()
    Image.new("RGB", (600, 600)).save(file, "PNG")  # small to send, slow to decode
    each = 2 * AT_ONCE  # four batches, so that some remain when the first are counted, even with one decoder per core
    archive = tarred({f"{letter}/{number}.png": file.getvalue() for letter in "AB" for number in range(each)})
    id = upload(client, "letters", archive).json()["id"]
    deadline = time.monotonic() + 60
    while not (seen := client.get(f"/datasets/{id}").json())["progress"]:
        assert seen["status"] == "importing" and time.monotonic() < deadline
        time.sleep(0.02)
    assert 0 < seen["progress"]["fraction"] < 1 and 0 < seen["progress"]["examples"] <= 2 * each
    assert client.post(f"/datasets/{id}/cancel").json()["status"] == "cancelled"
    assert client.post(f"/datasets/{id}/cancel").status_code == 200  # cancelling twice is harmless
    until(lambda: stored(settings) == set())  # the files of an ended import are deleted shortly after its end
    assert client.get(f"/datasets/{id}").json()["error"] == "the import was cancelled"
    assert client.post("/datasets/notmnist/cancel").status_code == 409


@pytest.mark.sql
def test_cancelling_what_nobody_has_begun_leaves_nothing(client: TestClient, settings: Settings) -> None:
    upload(client, "letters", zipped(letters("ABC", 10)))
    assert stored(settings)
    assert client.post("/datasets/letters/cancel").json()["status"] == "cancelled"
    assert stored(settings) == set()


@pytest.mark.sql
def test_a_name_cancels_what_is_being_imported_and_not_what_is_ready(client: TestClient, workers: Workers) -> None:
    worker = workers.start()
    upload(client, "letters", zipped(letters("ABC", 10)))
    assert settled(client, "letters")["status"] == "ready"
    worker.terminate()
    worker.wait()
    second = upload(client, "letters", zipped(letters("ABCD", 10))).json()
    assert client.post("/datasets/letters/cancel").json()["id"] == second["id"]
    assert client.get("/datasets/letters").json()["version"] == 1


def test_content_that_was_damaged_is_made_whole_by_the_next_upload(
    client: TestClient, workers: Workers, settings: Settings
) -> None:
    """Damage may occur when an equal dataset is deleted during the import, or when a deletion is killed half-way."""
    workers.start()
    upload(client, "one", zipped(LECTURE))
    checksum = settled(client, "one")["checksum"]
    (settings.files / f"arrays/{checksum}/inputs.npy").unlink()
    upload(client, "two", zipped(LECTURE))
    assert settled(client, "two")["status"] == "ready"
    for name in ("one", "two"):
        assert client.get(f"/datasets/{name}/images/0.png").status_code == 200


@pytest.mark.sql
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


@pytest.mark.sql
@pytest.mark.parametrize("victim", ["child", "worker"])
def test_a_killed_import_starts_over_and_leaves_nothing_half_done(
    client: TestClient, workers: Workers, settings: Settings, victim: str
) -> None:
    worker = workers.start()
    picture = png(size=(400, 400))
    archive = zipped({f"{letter}/{i}.png": picture for letter in "AB" for i in range(200)})  # a second of work
    upload(client, "letters", archive)
    while not (found := children(worker.pid)):
        time.sleep(0.005)
    os.kill(found[0], signal.SIGSTOP)  # so that it is not done before it is killed
    assert client.get("/datasets/letters").json()["status"] == "importing"
    if victim == "child":
        os.kill(found[0], signal.SIGKILL)
    else:
        worker.kill()
        worker.wait()
        with contextlib.suppress(ProcessLookupError):
            os.kill(found[0], signal.SIGCONT)
        workers.start()
    ready = settled(client, "letters")
    assert ready["status"] == "ready"
    assert len(client.get("/datasets/letters/samples", params={"limit": 200}).json()["items"]) == 80
    wanted = {f"arrays/{ready['checksum']}/{name}" for name in ("inputs.npy", "targets.npy", "meta.json")}
    until(lambda: stored(settings) == wanted)  # the upload is deleted shortly after the dataset is ready


@pytest.mark.sql
def test_an_import_that_kills_its_process_three_times_fails_and_says_what_to_do(
    client: TestClient, workers: Workers, settings: Settings
) -> None:
    """A bug in a library that parses uploads could have this effect."""
    worker = workers.start()
    picture = png(size=(800, 800))
    slow = zipped({f"{letter}/{i}.png": picture for letter in "AB" for i in range(100)})
    id = upload(client, "letters", slow).json()["id"]
    deadline = time.monotonic() + 60
    while (found := client.get(f"/datasets/{id}").json())["status"] == "importing":
        assert time.monotonic() < deadline
        for child in children(worker.pid):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGSEGV)
        time.sleep(0.01)
    assert found["status"] == "failed"
    assert found["error"].startswith("the import process was killed by SIGSEGV; save the file again")
    until(lambda: stored(settings) == set())  # the files of an ended import are deleted shortly after its end
    upload(client, "letters", zipped(LECTURE))  # the worker itself survives
    assert settled(client, "letters")["status"] == "ready"


HOPELESS = {
    "text": (b"hello", "not an archive"),
    "no files": (zipped({}), "no folder of a class has"),
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
    until(lambda: not stored(settings))
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
