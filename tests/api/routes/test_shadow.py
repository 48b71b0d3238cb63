"""A run in the shadow of a model: compared with it, and noticed by no client."""

import time
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from app.serving import shadowing
from app.serving.shadowing import PENDING
from app.storage.runs import weights_file
from tests.support.processes import until
from tests.support.rows import insert_run
from tests.support.served import insert_network, serve
from tests.support.services import Service

PICTURES = np.random.default_rng(0).integers(0, 256, (30, 784))


@pytest.fixture(scope="module")
def client(quick_client: TestClient) -> TestClient:
    return quick_client


@pytest.fixture(autouse=True)
def tallies_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadowing, "PAUSE", 0.0)


def report_of(client: TestClient, name: str, compared: int) -> dict[str, Any]:
    """The report, once so many inputs are in it."""
    while True:
        report: dict[str, Any] = client.get(f"/models/{name}/shadow").json()
        if report["compared"] + report["failed"] >= compared:
            return report
        time.sleep(0.05)


def ask(client: TestClient, name: str, instances: Any) -> list[dict[str, Any]]:
    answer = client.post("/predict", params={"model": name}, json={"instances": instances})
    assert answer.status_code == 200 and answer.json()["run"].endswith("live")
    predictions: list[dict[str, Any]] = answer.json()["predictions"]
    return predictions


def shadowed(client: TestClient, name: str, dataset: str = "digits", seed: int = 0) -> None:
    """A model whose shadow is a network with the weights of a seed; the other network has those of 0."""
    service = Service.of(client)
    serve(client, f"run_{name}_live", dataset)
    insert_network(service.database, service.files, f"run_{name}_shadow", dataset, seed)
    body = {"run": f"run_{name}_live", "shadow": {"run": f"run_{name}_shadow"}}
    assert client.put(f"/models/{name}", json=body).status_code == 200


def test_an_equal_network_agrees_with_each_answer(client: TestClient) -> None:
    shadowed(client, "equal")
    ask(client, "equal", PICTURES.tolist())
    report = report_of(client, "equal", len(PICTURES))
    assert (report["agreement"], report["failed"], report["dropped"], report["differing"]) == (1.0, 0, 0, [])
    assert report["live_milliseconds"] > 0 and report["shadow_milliseconds"] > 0
    assert (report["run"], report["shadow"], report["share"]) == ("run_equal_live", "run_equal_shadow", 1.0)


def test_another_network_differs_and_the_pictures_are_shown(client: TestClient) -> None:
    shadowed(client, "other", seed=1)
    labels = [prediction["label"] for prediction in ask(client, "other", PICTURES.tolist())]
    report = report_of(client, "other", len(PICTURES))
    expected = client.post("/predict?run=run_other_shadow", json={"instances": PICTURES.tolist()}).json()
    both = list(zip(labels, (prediction["label"] for prediction in expected["predictions"]), strict=True))
    assert report["agreed"] == sum(live == shadow for live, shadow in both) < len(both)
    shown = [(item["live"]["label"], item["shadow"]["label"]) for item in report["differing"]]
    assert 0 < len(shown) <= 20 and set(shown) <= set(both)
    assert all(item["picture"].startswith("data:image/png;base64,") for item in report["differing"])


def test_values_that_are_apart_are_shown_with_their_rows(client: TestClient) -> None:
    shadowed(client, "apart", dataset="diabetes", seed=1)
    ask(client, "apart", [[0.1] * 10])
    (first,) = report_of(client, "apart", 1)["differing"]
    assert first["row"] == pytest.approx([0.1] * 10) and first["live"]["value"] != first["shadow"]["value"]


def test_errors_of_the_shadow_reach_no_client(client: TestClient) -> None:
    serve(client, "run_broken_live")
    with Service.of(client).database.write() as db:
        insert_run(db, "run_broken_shadow", weights=weights_file("run_broken_shadow", 1, 7))  # a file that is gone
    body = {"run": "run_broken_live", "shadow": {"run": "run_broken_shadow"}}
    assert client.put("/models/broken", json=body).status_code == 200
    ask(client, "broken", PICTURES[:3].tolist())
    report = report_of(client, "broken", 3)
    assert (report["failed"], report["compared"], report["agreement"]) == (3, 0, None)


def test_what_finds_no_time_beside_live_predictions_is_dropped_and_counted(client: TestClient) -> None:
    shadowed(client, "busy")
    live = client.app.state.predictions.live  # type: ignore[attr-defined]
    live.requests += 1  # as long as another request is being predicted
    sent = 2 * PENDING
    for _ in range(sent):
        ask(client, "busy", PICTURES[:1].tolist())
    live.requests -= 1
    report = report_of(client, "busy", PENDING)
    until(lambda: client.get("/models/busy/shadow").json()["dropped"] == sent - PENDING)
    assert (report["compared"], report["failed"]) == (PENDING, 0)


def test_the_comparisons_go_with_the_model(client: TestClient) -> None:
    shadowed(client, "gone", seed=1)
    ask(client, "gone", PICTURES.tolist())
    report_of(client, "gone", len(PICTURES))
    assert client.delete("/models/gone").status_code == 204
    body = {"run": "run_gone_live", "shadow": {"run": "run_gone_shadow"}}
    assert client.put("/models/gone", json=body).status_code == 200
    report = client.get("/models/gone/shadow").json()
    assert (report["version"], report["compared"], report["differing"]) == (1, 0, [])


def test_a_model_without_a_shadow_has_nothing_to_compare(client: TestClient) -> None:
    serve(client, "run_alone")
    client.put("/models/alone", json={"run": "run_alone"})
    refused = client.get("/models/alone/shadow")
    assert (refused.status_code, refused.json()["code"]) == (404, "no_shadow")
