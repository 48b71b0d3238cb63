"""Batches of predictions in the background."""

import csv
import io
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from app.access import Scope
from app.api.middleware import JSON_BYTES
from app.storage.tables import Run
from tests.support.archives import npy, zipped
from tests.support.fork_server import Forked
from tests.support.keys import new_key, until_known
from tests.support.processes import until
from tests.support.rows import insert_dataset, insert_run
from tests.support.served import serve
from tests.support.services import Service
from tests.support.workers import Workers

BINARY = {"Content-Type": "application/octet-stream"}


def ended(client: TestClient, batch: str) -> dict[str, Any]:
    until(lambda: client.get(f"/batches/{batch}").json()["status"] in ("succeeded", "failed"))
    answer: dict[str, Any] = client.get(f"/batches/{batch}").json()
    return answer


def rows(client: TestClient, batch: str) -> list[dict[str, str]]:
    answer = client.get(f"/batches/{batch}/result.csv")
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/csv")
    return list(csv.DictReader(io.StringIO(answer.text)))


@pytest.mark.sql
def test_a_whole_dataset_is_predicted_as_live(client: TestClient, worker: Forked) -> None:
    serve(client, "run_one", "notmnist")
    sent = client.post("/batches", json={"dataset": "notmnist", "run": "run_one"})
    assert sent.status_code == 202 and sent.headers["Location"] == sent.json()["links"]["self"]
    examples = client.get("/datasets/notmnist").json()["examples"]
    assert sent.json()["progress"] == {"done": 0, "total": examples}
    batch = ended(client, sent.json()["id"])
    assert batch["status"] == "succeeded", batch
    assert batch["progress"] == {"done": examples, "total": examples}
    lines = rows(client, batch["id"])
    assert len(lines) == examples and lines[5]["input"] == "5"
    sample = client.get("/datasets/notmnist/samples?limit=1").json()["items"][0]
    png = client.get(f"/datasets/notmnist/images/{sample['index']}.png").content
    live = client.post("/predict?run=run_one", content=png, headers={"Content-Type": "image/png"}).json()
    line = lines[sample["index"]]
    assert line["target"] == sample["label"] and line["label"] == live["predictions"][0]["label"]
    assert float(line["probability"]) == pytest.approx(live["predictions"][0]["probability"], abs=1e-6)


def test_files_are_predicted_with_the_names_of_their_pictures(client: TestClient, worker: Forked) -> None:
    serve(client, "run_one")
    serve(client, "run_table", "diabetes")
    png = client.get("/datasets/digits/images/0.png").content
    names = client.get("/datasets/diabetes").json()["feature_names"]
    table = ",".join(names) + "\n" + ",".join("1" for _ in names) + "\n"
    sent = [
        client.post("/batches?run=run_one", content=zipped({"b.png": png, "a.png": png}), headers=BINARY),
        client.post("/batches?run=run_one", content=npy(np.zeros((700, 28, 28), np.uint8)), headers=BINARY),
        client.post("/batches?run=run_table", content=table.encode(), headers={"Content-Type": "text/csv"}),
        client.post("/batches?run=run_table", content=table.encode(), headers=BINARY),
    ]
    batches = [ended(client, answer.json()["id"]) for answer in sent]
    assert [batch["status"] for batch in batches] == ["succeeded"] * 4, batches
    pictures, array, values, same_values = (rows(client, batch["id"]) for batch in batches)
    assert [line["input"] for line in pictures] == ["b.png", "a.png"]
    assert len(array) == 700 and array[-1]["input"] == "700"
    assert list(values[0]) == ["input", "value"] and same_values == values


def test_an_input_that_cannot_be_read_fails_the_batch_with_its_name(client: TestClient, worker: Forked) -> None:
    serve(client, "run_one")
    png = client.get("/datasets/digits/images/0.png").content
    sent = client.post("/batches?run=run_one", content=zipped({"a.png": png, "b.png": b"no"}), headers=BINARY)
    batch = ended(client, sent.json()["id"])
    assert batch["status"] == "failed" and batch["error"]["code"] == "batch_input_refused"
    assert batch["error"]["message"].startswith("b.png: ")
    refused = client.get(f"/batches/{batch['id']}/result.csv")
    assert refused.status_code == 409 and refused.json()["code"] == "batch_not_done"


def test_a_batch_whose_run_is_deleted_fails_and_says_so(client: TestClient, workers: Workers) -> None:
    serve(client, "run_one")
    sent = client.post("/batches", json={"dataset": "digits", "run": "run_one"})
    assert client.delete("/runs/run_one").status_code == 204
    workers.start()
    batch = ended(client, sent.json()["id"])
    assert batch["status"] == "failed" and batch["error"]["code"] == "batch_run_gone", batch


@pytest.mark.sql
def test_a_batch_is_deleted_with_its_files(client: TestClient, service: Service, workers: Workers) -> None:
    serve(client, "run_one")
    sent = client.post("/batches?run=run_one", content=npy(np.zeros((9, 28, 28), np.uint8)), headers=BINARY)
    id = sent.json()["id"]
    assert [item["id"] for item in client.get("/batches").json()["items"]] == [id]
    assert service.files.exists(f"batches/{id}/upload")
    assert client.delete(f"/batches/{id}").status_code == 204
    assert client.get(f"/batches/{id}").status_code == client.delete(f"/batches/{id}").status_code == 404
    assert not service.files.exists(f"batches/{id}/upload")


@pytest.mark.parametrize(
    ("query", "body", "status", "code"),
    [
        ("", {"dataset": "diabetes", "run": "run_one"}, 409, "batch_shape_differs"),
        ("", {"dataset": "none", "run": "run_one"}, 404, "no_such_dataset"),
        ("", {"dataset": "digits", "run": "none"}, 404, "no_such_run"),
        ("", {"run": "run_one"}, 422, "missing"),
        ("?run=run_one", {"dataset": "digits"}, 422, "batch_source"),
    ],
)
def test_what_cannot_be_predicted_is_refused_at_once(
    client: TestClient, query: str, body: dict[str, str], status: int, code: str
) -> None:
    serve(client, "run_one", "notmnist")
    answer = client.post(f"/batches{query}", json=body)
    assert answer.status_code == status and answer.json()["code"] == code, answer.text


TABLE = {"task": "classification", "shape": [2], "feature_names": ["a=P", "b"], "examples": 9,
         "classes": [{"label": "A"}, {"label": "B"}]}  # fmt: skip


@pytest.mark.sql
@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"task": "regression", "classes": []}, "batch_task_differs"),
        ({"feature_names": ["weight", "age"]}, "batch_columns_differ"),
        ({"feature_names": ["a=X", "b"]}, "batch_columns_differ"),
        ({"feature_names": ["b", "a=P"]}, "batch_columns_differ"),
        ({"classes": [{"label": "C"}, {"label": "A"}]}, "batch_classes_differ"),
        ({"classes": [{"label": "A"}]}, None),
        ({"feature_names": []}, None),
    ],
)
def test_a_dataset_that_the_run_would_misread_is_refused(
    client: TestClient, service: Service, changes: dict[str, Any], code: str | None
) -> None:
    with service.database.write() as db:
        insert_dataset(db, "ds_learnt", TABLE)
        insert_dataset(db, "ds_other", TABLE | changes)
        insert_run(db, "run_one", dataset="ds_learnt", weights="runs/run_one/1/weights-7.safetensors")
    answer = client.post("/batches", json={"dataset": "ds_other", "run": "run_one"})
    assert (answer.status_code, answer.json().get("code")) == ((202, None) if code is None else (409, code)), (
        answer.text
    )


def test_a_dataset_that_is_not_ready_is_refused(client: TestClient, service: Service) -> None:
    serve(client, "run_one")
    with service.database.write() as db:
        insert_dataset(db, "ds_new", {}, status="importing", folder=None)
    answer = client.post("/batches", json={"dataset": "ds_new", "run": "run_one"})
    assert (answer.status_code, answer.json()["code"]) == (409, "dataset_unreadable")


@pytest.mark.sql
def test_a_common_model_of_a_hidden_run_predicts_for_an_own_dataset(client: TestClient, service: Service) -> None:
    serve(client, "run_one")
    assert client.put("/models/common", json={"run": "run_one"}).status_code == 200
    with service.database.write() as db:
        db.execute(update(Run).values(owner="teacher"))
    key = new_key(service.database, "ann", Scope.PREDICT, Scope.READ)
    until_known(client, key)
    sent = {"dataset": "digits", "model": "common"}
    assert client.post("/batches", json=sent, headers=key.headers).status_code == 202
    hidden = {"dataset": "digits", "run": "run_one"}
    assert client.post("/batches", json=hidden, headers=key.headers).json()["code"] == "no_such_run"


def test_the_json_of_a_batch_has_the_limit_of_json_and_an_upload_its_own(client: TestClient) -> None:
    serve(client, "run_one", "notmnist")
    long = b'{"dataset": "digits"}'.ljust(JSON_BYTES + 1)
    assert client.post("/batches", content=long, headers={"Content-Type": "application/json"}).status_code == 413
    letters = npy(np.zeros((JSON_BYTES // 784 + 1, 784), np.uint8))
    assert client.post("/batches?run=run_one", content=letters, headers=BINARY).status_code == 202


@pytest.mark.parametrize("kind", ["image/png", "application/octet-stream"])
def test_a_single_picture_is_no_batch(client: TestClient, kind: str) -> None:
    serve(client, "run_one", "notmnist")
    png = client.get("/datasets/digits/images/0.png").content
    answer = client.post("/batches?run=run_one", content=png, headers={"Content-Type": kind})
    assert answer.status_code == 422 and answer.json()["code"] == "batch_source", answer.text
