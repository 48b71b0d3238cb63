"""A user's main workflow, with real components."""

import pytest
from fastapi.testclient import TestClient

from tests.support.fork_server import Forked
from tests.support.runs import PROGRESS, ended

pytestmark = pytest.mark.sql


def test_letters_are_learnt_and_a_picture_is_classified(client: TestClient, worker: Forked) -> None:
    answer = client.post("/runs", json={"dataset": "notmnist", "stop": {"max_epochs": 5}})
    assert answer.status_code == 202
    run = ended(client, answer.json()["id"])
    assert run["status"] == "succeeded" and run["stop_reason"] == "max_epochs"
    assert run["progress"].keys() >= PROGRESS and answer.json()["served_step"] is None
    assert run["served_step"] == run["progress"]["step"] == 250
    assert run["metrics"]["test"]["accuracy"] > 0.85

    curve = client.get(f"{answer.headers['Location']}/curve", params={"series": "train.loss"}).json()
    assert curve["series"]["train.loss"]["step"] == list(range(1, 251))

    sample = client.get("/datasets/notmnist/samples", params={"limit": 1}).json()["items"][0]
    picture = client.get(f"/datasets/notmnist/images/{sample['index']}.png").content
    found = client.post(
        "/predict", params={"top": "all"}, content=picture, headers={"Content-Type": "image/png"}
    ).json()
    assert found["run"] == run["id"]
    assert abs(sum(item["probability"] for item in found["predictions"][0]["top"]) - 1) < 1e-6


def test_a_wrong_request_is_told_what_would_be_right(client: TestClient) -> None:
    wrong = {"dataset": "notmnist", "model": {"layers": [{"type": "relux"}]}, "optimizer": {"name": "adam", "lr": -1}}
    answer = client.post("/runs", json=wrong)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    details = {error["pointer"]: error["detail"] for error in answer.json()["errors"]}
    assert "did you mean 'relu'" in details["/model/layers/0"]
    assert "greater than 0" in details["/optimizer/lr"]


def test_nan_and_lone_surrogates_in_json_are_refused_not_crashed_on(client: TestClient) -> None:
    for body in (
        b'{"dataset": "notmnist", "seed": NaN}',
        b'{"dataset": "\\ud800"}',
        b'{"dataset": "notmnist", "\\udc00": 1}',
        b"{",
    ):
        answer = client.post("/runs", content=body, headers={"Content-Type": "application/json"})
        assert 400 <= answer.status_code < 500
        assert answer.json()["detail"]


def test_the_same_idempotency_key_makes_one_run(client: TestClient) -> None:
    headers = {"Idempotency-Key": "lesson-2"}
    first, second = (client.post("/runs", json={"dataset": "digits"}, headers=headers) for _ in range(2))
    assert (first.status_code, second.status_code) == (202, 200)
    assert first.json()["id"] == second.json()["id"]
    assert client.post("/runs", json={"dataset": "notmnist"}, headers=headers).status_code == 422
