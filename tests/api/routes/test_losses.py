"""Losses over HTTP: their notation, and predictions of networks that they trained."""

import json
from typing import Any

import pytest
import torch
from fastapi.testclient import TestClient
from safetensors.torch import save
from sqlalchemy import update

from app.learning import serialization
from app.learning.serialization import from_safetensors
from app.storage.tables import Run
from tests.support.archives import letters, zipped
from tests.support.runs import SMALL, ended, queue
from tests.support.services import Service
from tests.support.uploads import settled, upload
from tests.support.workers import Workers

PIXELS = {"instances": [[(7 * row + column) % 256 for column in range(784)] for row in range(3)]}


def resolved(client: TestClient, request: dict[str, Any]) -> dict[str, Any]:
    answer = client.post("/runs", json=request)
    assert answer.status_code == 202, answer.text
    return dict(answer.json()["request"])


def predicted(client: TestClient, run: str, **params: str) -> list[dict[str, Any]]:
    answer = client.post("/predict", params={"run": run, "top": "all", "logits": "true"} | params, json=PIXELS)
    assert answer.status_code == 200, answer.text
    return list(answer.json()["predictions"])


def test_a_name_is_short_for_a_loss_with_its_defaults(quick_client: TestClient) -> None:
    plain = {"name": "cross_entropy", "label_smoothing": 0.0, "class_weights": None, "reduction": "mean"}
    assert resolved(quick_client, SMALL)["loss"] == plain
    assert resolved(quick_client, SMALL | {"loss": "cross_entropy"})["loss"] == plain
    weighted = {"name": "cross_entropy", "label_smoothing": 0.1, "class_weights": [1, 2] * 5}
    assert resolved(quick_client, SMALL | {"loss": weighted})["loss"] == plain | weighted
    assert resolved(quick_client, {"dataset": "diabetes"})["loss"] == {"name": "mse", "reduction": "mean"}
    huber = resolved(quick_client, {"dataset": "diabetes", "loss": {"name": "huber", "delta": 2}})["loss"]
    assert huber == {"name": "huber", "delta": 2.0, "reduction": "mean"}


def test_again_changes_a_field_of_the_loss_or_takes_another(quick_client: TestClient) -> None:
    first = quick_client.post("/runs", json={"dataset": "diabetes", "loss": {"name": "huber", "delta": 2}}).json()["id"]
    changed = quick_client.post(f"/runs/{first}/again", json={"loss": {"reduction": "sum"}}).json()["request"]["loss"]
    assert changed == {"name": "huber", "delta": 2.0, "reduction": "sum"}
    other = quick_client.post(f"/runs/{first}/again", json={"loss": {"name": "mae"}}).json()["request"]["loss"]
    assert other == {"name": "mae", "reduction": "mean"}
    named = quick_client.post(f"/runs/{first}/again", json={"loss": "mse"}).json()["request"]["loss"]
    assert named == {"name": "mse", "reduction": "mean"}


@pytest.mark.parametrize("loss", ["mae", {"name": "huber", "delta": 0.5}, {"name": "mse", "reduction": "sum"}])
def test_a_table_is_learnt_with_every_loss_for_values(client: TestClient, workers: Workers, loss: Any) -> None:
    workers.start()
    run = queue(client, {"dataset": "diabetes", "loss": loss, "batch_size": 32, "stop": {"max_epochs": 20}})
    found = ended(client, run)
    assert found["status"] == "succeeded" and found["metrics"]["test"]["r2"] > 0.3
    evaluation = client.get(f"/runs/{run}/evaluation").json()
    assert evaluation["mape_lecture"] > 0 and evaluation["mape_clamp"] == evaluation["mape_lecture_clamp"] == 1e-8


def test_two_classes_from_one_output(client: TestClient, workers: Workers) -> None:
    workers.start()
    upload(client, "two", zipped(letters("AB", each=20)))
    assert settled(client, "two")["status"] == "ready"
    request = {"dataset": "two", "loss": "binary_cross_entropy", "batch_size": 8, "stop": {"max_epochs": 20}}
    run = queue(client, request)
    found = ended(client, run)
    assert found["status"] == "succeeded"
    last = found["request"]["model"]["layers"][-1]
    assert (last["type"], last["units"]) == ("linear", 1)
    assert client.get(f"/runs/{run}/evaluation", params={"part": "train"}).json()["roc_auc"] > 0.9
    answers = predicted(client, run)
    for answer in answers:
        (logit,) = answer["logits"]
        chances = {item["label"]: item["probability"] for item in answer["top"]}
        assert chances["B"] == pytest.approx(torch.tensor(logit).double().sigmoid().item(), abs=1e-6)
        assert sum(chances.values()) == pytest.approx(1, abs=1e-6)
        assert answer["label"] == ("B" if chances["B"] >= 0.5 else "A") and answer["probability"] == max(
            chances.values()
        )

    other = client.post(f"/runs/{run}/again", json={"loss": "cross_entropy"}).json()["request"]["model"]["layers"]
    assert [(layer["type"], layer.get("units")) for layer in other[-1:]] == [("linear", 2)]  # it follows from the loss
    assert other[:-1] == found["request"]["model"]["layers"][:-1]

    surest = max(item["probability"] for answer in answers for item in answer["top"] if item["label"] == "B")
    threshold = (1 + surest) / 2  # above the probability of B for every picture
    careful = queue(client, request | {"loss": {"name": "binary_cross_entropy", "threshold": threshold}})
    assert ended(client, careful)["status"] == "succeeded"
    for answer, before in zip(predicted(client, careful), answers, strict=True):
        assert answer["label"] == "A" and answer["top"] == before["top"]  # equal probabilities, a different label

    sigmoid = queue(client, request | {"model": {"layers": [{"type": "linear", "units": 1}, {"type": "sigmoid"}]}})
    assert ended(client, sigmoid)["status"] == "succeeded"
    assert all("logits" not in answer for answer in predicted(client, sigmoid))


def test_a_network_that_ends_in_softmax_is_served_without_a_second_one(client: TestClient, workers: Workers) -> None:
    workers.start()
    layers = [{"type": "linear", "units": 10}, {"type": "softmax"}]
    run = queue(client, SMALL | {"model": {"layers": layers}})
    found = ended(client, run)
    assert found["status"] == "succeeded" and [layer["type"] for layer in found["request"]["model"]["layers"]] == [
        "linear",
        "softmax",
    ]
    trained = from_safetensors(client.get(f"/runs/{run}/weights").content)
    given = trained.outputs(torch.tensor(PIXELS["instances"]).reshape(-1, 1, 28, 28))
    for answer, row in zip(predicted(client, run), given.tolist(), strict=True):
        assert "logits" not in answer
        assert sum(item["probability"] for item in answer["top"]) == pytest.approx(1, abs=1e-6)
        chances = {item["label"]: item["probability"] for item in answer["top"]}
        assert [chances[label] for label in trained.classes] == pytest.approx(row, abs=1e-6)


def test_weights_files_of_before_predict_as_they_did(client: TestClient, workers: Workers) -> None:
    workers.start()
    run = queue(client, SMALL)
    assert ended(client, run)["status"] == "succeeded"
    file = client.get(f"/runs/{run}/weights").content
    about = serialization._metadata(file)
    del about["outputs"], about["threshold"]
    now = from_safetensors(file)
    then = from_safetensors(save(dict(now.model.state_dict()), {serialization.METADATA: json.dumps(about)}))
    inputs = torch.tensor(PIXELS["instances"]).reshape(-1, 1, 28, 28)
    assert then.output_kind == now.output_kind and torch.equal(then.outputs(inputs), now.outputs(inputs))


def test_a_run_that_an_older_version_has_queued_is_trained(
    client: TestClient, workers: Workers, service: Service
) -> None:
    run = queue(client, SMALL)
    request = client.get(f"/runs/{run}").json()["request"]
    request["loss"] = "cross_entropy"
    request["stop"] = {"max_epochs": 3, "max_steps": None, "divergence": {"factor": 10.0, "window": 50}}
    database = service.database
    with database.write() as db:
        db.execute(update(Run).where(Run.id == run).values(request=request))
    workers.start()
    assert ended(client, run)["status"] == "succeeded"
    same = queue(client, SMALL)
    ended(client, same)
    weights = [client.get(f"/runs/{id}/weights").content for id in (run, same)]
    assert weights[0] == weights[1]
    assert client.post(f"/runs/{run}/resume", json={"stop": {"max_epochs": 4}}).status_code == 202
    assert ended(client, run)["progress"]["epoch"] == 4
    assert client.post(f"/runs/{run}/again", json={"seed": 1}).status_code == 202
