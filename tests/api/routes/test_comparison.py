"""Runs side by side: what differs between them, against one of them, and in groups."""

from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.support.rows import A_REQUEST, insert_run
from tests.support.services import Service

pytestmark = pytest.mark.sql


@pytest.fixture
def runs(service: Service) -> list[str]:
    """Three runs that differ in their learning rates and seeds, and a fourth with an infinite loss."""
    sent = [(0.1, 0, 0.90), (0.1, 1, 0.94), (0.01, 0, 0.80), (0.01, 0, "inf")]
    with service.database.write() as db:
        for place, (lr, seed, value) in enumerate(sent):
            request = A_REQUEST | {"optimizer": {"name": "adam", "lr": lr}, "seed": seed, "priority": place}
            metrics = {"test": {"accuracy": value}} if isinstance(value, float) else {"test": {"accuracy": None}}
            about = {"tags": {"course": "ml"} if place < 2 else {}, "task": "classification"}
            insert_run(db, f"run_{place}", name=f"n{place}", request=request, metrics=metrics, **about)
    return [f"run_{place}" for place in range(len(sent))]


def compared(client: TestClient, runs: list[str], **query: Any) -> dict[str, Any]:
    answer = client.get("/runs/comparison", params={"runs": ",".join(runs), **query})
    assert answer.status_code == 200, answer.text
    result: dict[str, Any] = answer.json()
    return result


def test_only_what_differs_is_listed_and_metrics_are_against_the_first(client: TestClient, runs: list[str]) -> None:
    answer = compared(client, runs[:3])
    assert answer["baseline"] == "run_0" and set(answer["fields"]) == {"optimizer.lr", "seed"}
    assert [item["run"] for item in answer["items"]] == runs[:3]
    assert [item["fields"]["optimizer.lr"] for item in answer["items"]] == [0.1, 0.1, 0.01]
    first, better, worse = (item["metrics"]["test.accuracy"] for item in answer["items"])
    assert first == {"value": 0.9, "delta": None, "is_better": None}
    assert better["delta"] == pytest.approx(0.04) and better["is_better"]
    assert worse["delta"] == pytest.approx(-0.1) and worse["is_better"] is False


def test_any_of_the_runs_is_the_baseline(client: TestClient, runs: list[str]) -> None:
    answer = compared(client, runs[:3], baseline="run_2")
    assert answer["baseline"] == "run_2"
    assert [item["metrics"]["test.accuracy"]["is_better"] for item in answer["items"]] == [True, True, None]
    refused = client.get("/runs/comparison", params={"runs": "run_0,run_1", "baseline": "run_3"})
    assert (refused.status_code, refused.json()["code"]) == (422, "baseline_not_compared")


@pytest.mark.parametrize("text", ["", ",", "run_0,", ",".join(f"run_{place}" for place in range(21))])
def test_a_list_of_no_runs_or_too_many_is_refused(client: TestClient, text: str) -> None:
    answer = client.get("/runs/comparison", params={"runs": text})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "run_list_malformed")
    assert client.get("/runs/comparison", params={"runs": "run_nowhere"}).status_code == 404


def grouped(client: TestClient, **query: Any) -> dict[Any, list[str]]:
    items = client.get("/runs/groups", params=query).raise_for_status().json()["items"]
    return {item["value"]: item["runs"] for item in items}


@pytest.mark.usefixtures("runs")
def test_runs_are_grouped_by_a_field_or_a_tag_within_a_filter(client: TestClient) -> None:
    assert grouped(client, by="lr") == {0.1: ["run_1", "run_0"], 0.01: ["run_3", "run_2"]}
    assert grouped(client, by="tag:course") == {"ml": ["run_1", "run_0"], None: ["run_3", "run_2"]}
    assert grouped(client, by="seed", tag="course:ml") == {1: ["run_1"], 0: ["run_0"]}


@pytest.mark.parametrize("by", ["", "layers", "tag:", "tag"])
def test_an_unknown_field_is_refused_with_those_that_exist(client: TestClient, by: str) -> None:
    answer = client.get("/runs/groups", params={"by": by})
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (422, "group_malformed")
    assert "optimizer" in answer.json()["detail"]
