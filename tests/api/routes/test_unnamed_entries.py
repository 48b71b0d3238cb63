"""An optimizer, schedule, loss or surface without a name is the default's."""

from typing import Any

import pytest
from fastapi.testclient import TestClient


def resolved(client: TestClient, **request: Any) -> dict[str, Any]:
    answer = client.post("/runs", json={"dataset": "digits"} | request)
    assert answer.status_code == 202, answer.text
    return dict(answer.json()["request"])


@pytest.mark.parametrize(
    ("field", "fields", "name"),
    [
        ("optimizer", {"lr": 0.01}, "adam"),
        ("optimizer", {}, "adam"),
        ("optimizer", {"formulas": "lecture", "lr": 0.1}, "adam"),
        ("schedule", {"warmup": 5}, "constant"),
        ("loss", {"label_smoothing": 0.1}, "cross_entropy"),
        ("loss", {}, "cross_entropy"),
    ],
)
def test_fields_without_a_name_are_the_defaults(
    quick_client: TestClient, field: str, fields: dict[str, Any], name: str
) -> None:
    request = resolved(quick_client, **{field: fields})
    assert request[field] == resolved(quick_client, **{field: {"name": name} | fields})[field]
    assert request[field]["name"] == name


def test_a_loss_without_a_name_is_that_of_the_datasets_task(quick_client: TestClient) -> None:
    loss = resolved(quick_client, dataset="diabetes", loss={"reduction": "sum"})["loss"]
    assert loss == {"name": "mse", "reduction": "sum"}
    body = {"dataset": "diabetes", "loss": {"label_smoothing": 0.1}}
    refused = quick_client.post("/runs", json=body)
    assert refused.status_code == 422 and refused.json()["code"] == "loss_for_other_task"
    assert "cross_entropy" in refused.json()["detail"] and "mse" in refused.json()["detail"]


def test_a_preset_and_a_repeated_run_keep_their_own_name(quick_client: TestClient) -> None:
    smoothed = {"optimizer": {"lr": 0.5}, "loss": {"label_smoothing": 0.1}, "stop": {"max_epochs": 1}}
    preset = resolved(quick_client, model={"preset": "lecture_classifier"}, **smoothed)
    assert (preset["optimizer"]["name"], preset["optimizer"]["lr"]) == ("sgd", 0.5)
    run = quick_client.post("/runs", json={"dataset": "diabetes", "loss": {"name": "huber"}}).json()["id"]
    again = quick_client.post(f"/runs/{run}/again", json={"loss": {"reduction": "sum"}}).json()
    assert again["request"]["loss"] == {"name": "huber", "delta": 1.0, "reduction": "sum"}


@pytest.mark.parametrize(
    ("request_of", "pointer", "said"),
    [
        ({"optimizer": {"lr": -1}}, "/optimizer/lr", "greater than 0"),
        ({"optimizer": {"alpha": 0.9}}, "/optimizer/alpha", "there is no such field"),
        ({"loss": {"delta": 1}}, "/loss/delta", "there is no such field"),
        ({"optimizer": 3}, "/optimizer", "'name'"),
        ({"optimizer": {"name": None}}, "/optimizer", "'name'"),
        ({"optimizer": {"name": "adamx"}}, "/optimizer", "did you mean 'adam'"),
    ],
)
def test_what_is_no_field_of_the_default_is_refused(
    quick_client: TestClient, request_of: dict[str, Any], pointer: str, said: str
) -> None:
    refused = quick_client.post("/runs", json={"dataset": "digits"} | request_of)
    (error,) = refused.json()["errors"]
    assert error["pointer"] == pointer and said in error["detail"]


def test_inspections_and_trajectories_take_them_too(quick_client: TestClient) -> None:
    inspected = quick_client.post("/architectures/inspect", json={"optimizer": {"lr": 0.1}})
    assert inspected.status_code == 200
    body = {"surface": {}, "optimizers": [{"lr": 0.1}], "steps": 3}
    answer = quick_client.post("/optimizers/trajectory", json=body)
    assert answer.status_code == 200, answer.text
