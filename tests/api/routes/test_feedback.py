"""Logged predictions: sampled, bounded, corrected by people, and a dataset in the end."""

import io
import time
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from app.access import Caller, Scope
from app.datasets.builtin import BUILTIN
from app.learning.serialization import from_safetensors, to_safetensors
from app.serving import prediction_log
from app.storage import predictions
from app.storage.models import VersionKey
from app.storage.runs import weights_file
from tests.support.fork_server import Forked
from tests.support.runs import ended, queue
from tests.support.served import serve
from tests.support.services import Service

PICTURES = np.random.default_rng(0).integers(0, 256, (6, 784))


def logging(client: TestClient, name: str, dataset: str = "digits", share: float = 1.0) -> str:
    run = serve(client, f"run_{name}", dataset)
    assert client.put(f"/models/{name}", json={"run": run, "log": share}).status_code == 200
    return run


def asked(client: TestClient, name: str, instances: Any) -> dict[str, Any]:
    answer = client.post("/predict", params={"model": name}, json={"instances": instances})
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


def stored(client: TestClient, name: str, count: int) -> list[dict[str, Any]]:
    """The logged predictions, once there are so many."""
    while True:
        items: list[dict[str, Any]] = client.get(f"/models/{name}/predictions").json()["items"]
        if len(items) >= count:
            return items
        time.sleep(0.05)


def test_predictions_are_logged_corrected_counted_and_become_a_dataset(client: TestClient, worker: Forked) -> None:
    logging(client, "logged")
    answer = asked(client, "logged", PICTURES.tolist())
    items = stored(client, "logged", len(PICTURES))
    assert [item["id"] for item in reversed(items)] == answer["logged"]
    assert [item["label"] for item in reversed(items)] == [one["label"] for one in answer["predictions"]]
    assert all(item["picture"].startswith("data:image/png") and item["true_label"] is None for item in items)

    labels = [item["label"] for item in reversed(items)]
    right = [labels[0], labels[1], "0" if labels[2] != "0" else "1"]
    for id, label in zip(answer["logged"], right, strict=False):
        corrected = client.post(f"/predictions/{id}/label", json={"label": label})
        assert (corrected.status_code, corrected.json()["true_label"]) == (200, label)
    feedback = client.get("/models/logged/feedback").json()
    assert (feedback["logged"], feedback["labelled"], feedback["accuracy"]) == (6, 3, pytest.approx(2 / 3))
    assert feedback["runs"][0]["run"] == "run_logged"
    assert len(client.get("/models/logged/predictions", params={"labelled": "false"}).json()["items"]) == 3

    file = client.get("/models/logged/feedback.npz").content
    with np.load(io.BytesIO(file)) as arrays:
        assert (arrays["inputs"].reshape(3, 784) == PICTURES[:3]).all() and arrays["targets"].tolist() == right
    added = client.post("/datasets?name=corrected", content=file, headers={"Content-Type": "application/octet-stream"})
    dataset = added.json()["id"]
    while client.get(f"/datasets/{dataset}").json()["status"] == "importing":
        time.sleep(0.1)
    assert client.get(f"/datasets/{dataset}").json()["examples"] == 3


def test_values_have_a_mean_error(client: TestClient) -> None:
    logging(client, "valued", "diabetes")
    answer = asked(client, "valued", [[0.1] * 10, [-0.1] * 10])
    stored(client, "valued", 2)
    for id, prediction, off in zip(answer["logged"], answer["predictions"], (3.0, -1.0), strict=True):
        assert client.post(f"/predictions/{id}/label", json={"value": prediction["value"] + off}).status_code == 200
    (run,) = client.get("/models/valued/feedback").json()["runs"]
    assert (run["accuracy"], run["mean_absolute_error"]) == (None, pytest.approx(2.0))


def test_a_share_of_the_requests_is_logged(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    logging(client, "sampled", share=0.5)
    points = iter([0.4, 0.5, 0.9, 0.1])
    monkeypatch.setattr(prediction_log.random, "random", lambda: next(points))
    logged = ["logged" in asked(client, "sampled", [PICTURES[0].tolist()]) for _ in range(4)]
    assert logged == [True, False, False, True]


def test_a_model_logs_nothing_by_itself(quick_client: TestClient) -> None:
    quick_client.put("/models/silent", json={"run": serve(quick_client, "run_silent")})
    assert "logged" not in asked(quick_client, "silent", [PICTURES[0].tolist()])
    assert quick_client.get("/models/silent/predictions").json()["items"] == []
    nothing = quick_client.get("/models/silent/feedback.npz")
    assert (nothing.status_code, nothing.json()["code"]) == (409, "nothing_corrected")


@pytest.fixture(scope="module")
def logged_one(quick_client: TestClient) -> str:
    """The id of a logged prediction."""
    logging(quick_client, "corrected-wrongly")
    (id,) = asked(quick_client, "corrected-wrongly", [PICTURES[0].tolist()])["logged"]
    stored(quick_client, "corrected-wrongly", 1)
    return str(id)


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"label": "X"}, 422, "no_such_class"),
        ({"value": 1.0}, 409, "feedback_of_other_kind"),
        ({}, 422, "label_or_value"),
        ({"label": "1", "value": 1.0}, 422, "label_or_value"),
    ],
)
def test_a_correction_that_cannot_be_is_refused(
    quick_client: TestClient, logged_one: str, body: dict[str, Any], status: int, code: str
) -> None:
    refused = quick_client.post(f"/predictions/{logged_one}/label", json=body)
    assert (refused.status_code, refused.json()["code"]) == (status, code)


def test_a_prediction_that_is_not_logged_cannot_be_corrected(quick_client: TestClient) -> None:
    refused = quick_client.post("/predictions/prd_none/label", json={"label": "1"})
    assert (refused.status_code, refused.json()["code"]) == (404, "no_such_prediction")


def logged(number: int, owner: str = "") -> predictions.Logged:
    content = np.zeros(2, np.float32)
    return predictions.Logged(f"prd_{number:04}", owner, VersionKey("", "m", 1), "run_1", content, "A", 0.5, None)


@pytest.mark.sql
def test_the_newest_predictions_are_kept_and_those_with_a_correction_longer(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(predictions, "KEPT", 3)
    serve(service.client, "run_1")
    service.client.put("/models/m", json={"run": "run_1"})
    predictions.store_predictions(service.database, [logged(0), logged(1)])
    with service.database.write() as db:
        predictions.correct(db, "prd_0000", "1", None)
    predictions.store_predictions(service.database, [logged(number) for number in range(2, 6)])
    items = service.client.get("/models/m/predictions").json()["items"]
    assert [item["id"] for item in items] == ["prd_0005", "prd_0004", "prd_0003", "prd_0000"]


def test_a_prediction_belongs_to_who_asked_for_it(service: Service) -> None:
    serve(service.client, "run_1")
    service.client.put("/models/m", json={"run": "run_1"})
    predictions.store_predictions(service.database, [logged(0, "anna"), logged(1, "ben")])
    anna = Caller("anna", frozenset({Scope.PREDICT, Scope.READ}))
    with service.database.of(anna).write() as db:
        assert predictions.correct(db, "prd_0000", "1", None).true_label == "1"
        with pytest.raises(predictions.NotFound):
            predictions.correct(db, "prd_0001", "1", None)
    feedback = service.client.get("/models/m/feedback").json()
    assert (feedback["logged"], feedback["labelled"], feedback["accuracy"]) == (2, 1, 0.0)


def test_swapped_letters_are_noticed_by_the_statistics_of_the_training(client: TestClient, worker: Forked) -> None:
    run = queue(client, {"dataset": "notmnist-ab", "stop": {"max_epochs": 1}, "device": "cpu"})
    assert ended(client, run)["status"] == "succeeded"
    client.put("/models/watched", json={"run": run, "log": 1.0})
    letters = BUILTIN["notmnist-ab"].load().inputs[np.random.default_rng(0).permutation(2000)[:100]]
    (nothing,) = client.get("/models/watched/drift").json()["runs"]
    assert (nothing["examined"], nothing["drifted"], nothing["words"]) == (0, None, [])
    for sent, words in ((letters, []), (255 - letters, ["black and white look swapped"])):
        asked(client, "watched", sent[:50].tolist())
        newest = asked(client, "watched", sent[50:].tolist())["logged"][-1]
        while newest not in {item["id"] for item in client.get("/models/watched/predictions").json()["items"]}:
            time.sleep(0.05)
        (found,) = client.get("/models/watched/drift").json()["runs"]
        assert found["examined"] == 100 and found["drifted"] == bool(words)
        assert [sentence.partition(":")[0] for sentence in found["words"]] == words
        assert [feature["name"] for feature in found["features"]] == ["brightness", "contrast", "border"]


def test_weights_of_an_older_version_have_nothing_to_compare_with(quick_client: TestClient) -> None:
    run, files = logging(quick_client, "old-weights"), Service.of(quick_client).files
    file = weights_file(run, 1, 7)
    trained = from_safetensors(files.read(file))
    files.write(file, to_safetensors(replace(trained, reference=None)))
    refused = quick_client.get("/models/old-weights/drift")
    assert (refused.status_code, refused.json()["code"]) == (404, "no_reference")
