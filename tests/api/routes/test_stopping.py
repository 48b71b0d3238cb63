"""Stop criteria over HTTP: their notation, the stop reason, and the weights that are served."""

import time
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.support.runs import SMALL, ended, queue
from tests.support.workers import Workers

OVERFITS = SMALL | {"batch_size": 64, "optimizer": {"name": "adam", "lr": 0.05}}
ROWS = {"instances": [[(7 * row + column) % 256 for column in range(784)] for row in range(4)]}


def resolved(client: TestClient, stop: dict[str, Any]) -> dict[str, Any]:
    answer = client.post("/runs", json=SMALL | {"stop": stop})
    assert answer.status_code == 202, answer.text
    return answer.json()["request"]["stop"]


def test_a_number_is_short_for_the_criterion_and_null_turns_one_off(quick_client: TestClient) -> None:
    defaults = resolved(quick_client, {})  # 1,149 digits in batches of 32 are 36 steps: 28 epochs make 1,000
    assert defaults == {
        "max_epochs": 28, "max_steps": None, "max_seconds": None, "min_parameter_change": None, "target_loss": None,
        "patience": {"epochs": 14, "part": "validation"}, "divergence": {"factor": 10.0, "window": 50},
    }  # fmt: skip
    short = {"min_parameter_change": 1e-3, "target_loss": 0.1, "patience": 5, "divergence": None}
    assert resolved(quick_client, short) == defaults | {
        "min_parameter_change": {"threshold": 1e-3, "norm": "max"},
        "target_loss": {"value": 0.1, "part": "train", "window": 10},
        "patience": {"epochs": 5, "part": "validation"},
        "divergence": None,
    }
    assert resolved(quick_client, {"min_parameter_change": {}})["min_parameter_change"]["threshold"] == 1e-4
    assert resolved(quick_client, {"max_epochs": None, "max_seconds": 5})["max_seconds"] == 5
    assert resolved(quick_client, {"max_seconds": 5})["max_epochs"] == 28


def test_so_many_steps_are_so_many_steps(quick_client: TestClient) -> None:
    assert resolved(quick_client, {"max_steps": 5000})["max_epochs"] is None
    assert resolved(quick_client, {"max_steps": 5000, "max_epochs": 3})["max_epochs"] == 3
    body = {"dataset": "digits", "model": {"preset": "mlp"}, "stop": {"max_steps": 5000}}
    assert quick_client.post("/runs", json=body).json()["request"]["stop"]["max_epochs"] == 30  # from the recipe


def test_the_document_shows_both_forms_with_their_bounds(quick_client: TestClient) -> None:
    models = quick_client.get("/openapi.json").json()["components"]["schemas"]
    patience = models["StopRequest"]["properties"]["patience"]["anyOf"]
    assert {"type": "integer", "minimum": 1, "maximum": 10**6} in patience
    assert {"$ref": "#/components/schemas/PatienceLimitRequest"} in patience and {"type": "null"} in patience


@pytest.mark.parametrize(
    ("request_body", "pointer", "advice"),
    [
        ({"stop": {"max_epochs": None, "target_loss": 0.1, "patience": 3}}, "/stop", "max_seconds"),
        ({"stop": {"patience": 3}, "split": {"validation": 0}}, "/stop/patience", "split.validation"),
        ({"stop": {"target_loss": {"value": 1, "part": "validation"}}, "split": {"validation": 0}},
         "/stop/target_loss", '"part": "train"'),
        ({"stop": {"patience": 0}}, "/stop/patience", "greater than or equal to 1"),
        ({"stop": {"patience": {"epochs": 0}}}, "/stop/patience/epochs", "greater than or equal to 1"),
        ({"stop": {"patience": True}}, "/stop/patience", "object"),
        ({"stop": {"patience": {}}}, "/stop/patience/epochs", "required"),
        ({"stop": {"target_loss": {"value": 1, "part": "test"}}}, "/stop/target_loss/part", "'train'"),
        ({"stop": {"target_loss": {"value": 1, "windw": 3}}}, "/stop/target_loss/windw", "no such field"),
        ({"stop": {"min_parameter_change": {"norm": "l3"}}}, "/stop/min_parameter_change/norm", "l2"),
        ({"stop": {"min_parameter_change": -1}}, "/stop/min_parameter_change", "greater than 0"),
        ({"stop": {"max_seconds": 0}}, "/stop/max_seconds", "greater than 0"),
    ],
)  # fmt: skip
def test_a_wrong_criterion_is_named_with_what_would_be_right(
    quick_client: TestClient, request_body: dict[str, Any], pointer: str, advice: str
) -> None:
    answer = quick_client.post("/runs", json=SMALL | request_body)
    assert answer.status_code == 422
    errors = answer.json()["errors"]
    assert any(error["pointer"] == pointer and advice in error["detail"] for error in errors), errors


def test_patience_serves_the_best_epoch_and_says_of_which_step_it_is(client: TestClient, workers: Workers) -> None:
    workers.start()
    run = queue(client, OVERFITS | {"stop": {"max_epochs": 200, "patience": 3}})
    found = ended(client, run)
    assert (found["status"], found["stop_reason"]) == ("succeeded", "patience")
    series = client.get(f"/runs/{run}/curve", params={"points": 10**7}).json()["series"]["validation.loss"]
    best = series["value"].index(min(series["value"]))
    assert found["served_step"] == series["step"][best] < found["progress"]["step"] == series["step"][best + 3]
    assert found["metrics"]["validation"]["loss"] == pytest.approx(min(series["value"]), abs=1e-12)
    asked = {"logits": "true", "run": run}
    answer = client.post("/predict", params=asked, json=ROWS).json()["predictions"]

    # The same run, stopped at that step: its checkpoint predicts with the same bits.
    until_best = queue(client, OVERFITS | {"stop": {"max_epochs": None, "max_steps": found["served_step"]}})
    assert ended(client, until_best)["stop_reason"] == "max_steps"
    asked = {"logits": "true", "run": until_best, "step": found["served_step"]}
    assert client.post("/predict", params=asked, json=ROWS).json()["predictions"] == answer

    # A continued run continues from its last step, not from the served weights.
    refused = client.post(f"/runs/{run}/resume", json={"stop": {"max_epochs": 300}})
    assert refused.status_code == 422 and refused.json()["errors"][0]["pointer"] == "/stop/patience"
    further = {"max_epochs": found["progress"]["epoch"] + 2, "patience": None}
    assert client.post(f"/runs/{run}/resume", json={"stop": further}).status_code == 202
    resumed = ended(client, run)
    assert resumed["stop_reason"] == "max_epochs" and resumed["served_step"] == resumed["progress"]["step"]
    whole = queue(client, OVERFITS | {"stop": {"max_epochs": further["max_epochs"]}})
    ended(client, whole)
    weights = [client.get(f"/runs/{id}/weights").content for id in (run, whole)]
    assert weights[0] == weights[1]


def test_a_run_that_reached_its_loss_goes_on_to_a_lower_one(client: TestClient, workers: Workers) -> None:
    workers.start()
    run = queue(client, SMALL | {"stop": {"target_loss": 1.0, "max_epochs": 50}})
    first = ended(client, run)
    assert first["stop_reason"] == "target_loss" and first["served_step"] == first["progress"]["step"]
    assert client.post(f"/runs/{run}/resume", json={"stop": {"target_loss": 0.5}}).status_code == 202
    second = ended(client, run)
    assert second["stop_reason"] == "target_loss" and second["progress"]["step"] > first["progress"]["step"]


def test_seconds_alone_end_a_run_and_tell_how_far_it_is(client: TestClient, workers: Workers) -> None:
    workers.start()
    run = queue(client, SMALL | {"stop": {"max_epochs": None, "max_seconds": 2}})
    seen = []
    while not (found := client.get(f"/runs/{run}").json())["finished_at"]:
        seen.append(found["progress"])
        time.sleep(0.1)
    assert (found["status"], found["stop_reason"]) == ("succeeded", "max_seconds")
    during = [progress for progress in seen if progress]
    assert during and all(progress["max_steps"] is None for progress in during)
    for progress in during:
        assert progress["fraction"] == pytest.approx(min(1, progress["seconds"] / 2), abs=1e-3)
        assert progress["eta_seconds"] == pytest.approx(max(0, 2 - progress["seconds"]), abs=0.06)
    assert 2 <= found["progress"]["seconds"] < 3 and found["progress"]["fraction"] == 1
    refused = client.post(f"/runs/{run}/resume", json={"stop": {"max_seconds": 1}})
    assert refused.status_code == 422 and refused.json()["errors"][0]["pointer"] == "/stop/max_seconds"
    assert client.post(f"/runs/{run}/resume", json={"stop": {"max_seconds": 2.5}}).status_code == 202
    assert 2.5 <= ended(client, run)["progress"]["seconds"] < 3.5
