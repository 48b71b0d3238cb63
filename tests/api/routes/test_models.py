"""Model names: point one at a run, at another run, and back."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.support.fork_server import Forked
from tests.support.rows import insert_run
from tests.support.runs import SMALL, ended, queue
from tests.support.services import Service

ZEROS = {"instances": [[0] * 784]}


@pytest.fixture
def runs(client: TestClient, worker: Forked) -> list[str]:
    found = [queue(client, SMALL | {"seed": seed}) for seed in range(2)]
    assert [ended(client, run)["status"] for run in found] == ["succeeded", "succeeded"]
    return found


def asked(client: TestClient, **params: str) -> tuple[str, str | None]:
    answer = client.post("/predict", params=params, json=ZEROS)
    assert answer.status_code == 200, answer.text
    return answer.json()["run"], answer.json()["model"]


def point(client: TestClient, name: str, run: str) -> dict[str, Any]:
    answer = client.put(f"/models/{name}", json={"run": run})
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_a_name_is_promoted_rolled_back_and_remembers(client: TestClient, runs: list[str]) -> None:
    old, new = runs
    point(client, "letters", old)
    assert asked(client, model="letters") == (old, "letters")
    point(client, "letters", new)
    assert asked(client, model="letters") == (new, "letters")
    assert len(point(client, "letters", new)["history"]) == 2  # the same run again changes nothing
    found = point(client, "letters", old)
    assert [(version["version"], version["run"]) for version in found["history"]] == [(3, old), (2, new), (1, old)]
    assert asked(client, model="letters") == (old, "letters")
    assert client.get("/models").json()["items"] == [found] == [client.get("/models/letters").json()]


def test_default_answers_when_nothing_is_named_and_else_the_newest(client: TestClient, runs: list[str]) -> None:
    old, new = runs
    assert asked(client) == (new, None)
    point(client, "default", old)
    assert asked(client) == (old, "default")
    assert asked(client, run=new) == (new, None)
    assert client.delete("/models/default").status_code == 204
    assert asked(client) == (new, None)


def test_a_run_that_a_name_points_at_or_did_is_not_deleted(client: TestClient, runs: list[str]) -> None:
    old, new = runs
    point(client, "letters", old)
    refused = client.delete(f"/runs/{old}")
    assert refused.status_code == 409 and "letters" in refused.json()["detail"]
    assert asked(client, model="letters") == (old, "letters")
    point(client, "letters", new)
    refused = client.delete(f"/runs/{old}")  # the history would lead to nothing
    assert refused.status_code == 409 and refused.json()["params"]["models"] == ["letters"]
    assert [version["run"] for version in client.get("/models/letters").json()["history"]] == [new, old]
    assert client.delete("/models/letters").status_code == 204
    assert client.delete(f"/runs/{old}").status_code == 204


@pytest.mark.parametrize(
    ("status", "values"),
    [
        ("failed", {"stop_reason": "diverged", "metrics": {"train": {"loss": 90.0}}}),
        ("succeeded", {"stop_reason": "max_steps", "metrics": {"train": {"loss": "NaN"}, "test": None}}),
        ("succeeded", {"stop_reason": "max_steps", "metrics": {"train": {"loss": "Infinity", "accuracy": 0.1}}}),
    ],
)
def test_a_model_is_no_run_that_diverged(service: Service, status: str, values: dict[str, Any]) -> None:
    with service.database.write() as db:
        insert_run(db, "run_diverged", status=status, weights="runs/run_diverged/weights.safetensors", **values)
    refused = service.client.put("/models/letters", json={"run": "run_diverged"})
    assert (refused.status_code, refused.json()["code"]) == (409, "model_of_diverged_run")
    assert service.client.get("/models").json()["items"] == []


def test_what_cannot_be_pointed_at_is_refused_with_what_can(client: TestClient) -> None:
    waiting = queue(client, SMALL)
    for run, status in ((waiting, 409), ("run_none", 404)):
        refused = client.put("/models/letters", json={"run": run})
        assert refused.status_code == status and refused.json()["detail"]
    assert client.put("/models/a%20b", json={"run": waiting}).status_code == 422
    unknown = client.post("/predict", params={"model": "letters"}, json=ZEROS)
    assert unknown.status_code == 404 and "PUT /models" in unknown.json()["detail"]
    assert client.delete("/models/letters").status_code == 404
    both = client.post("/predict", params={"model": "letters", "run": waiting}, json=ZEROS)
    assert both.status_code == 422
