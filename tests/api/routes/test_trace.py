"""Traces of a network before training, over HTTP."""

import time
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.support.fork_server import Forked
from tests.support.runs import ended


def traced(client: TestClient, by_hand: bool = False, **body: Any) -> dict[str, Any]:
    params = {"by_hand": "true"} if by_hand else {}
    answer = client.post("/architectures/trace", json={"dataset": "notmnist"} | body, params=params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_an_ordinary_network_is_traced_in_half_a_second(quick_client: TestClient) -> None:
    traced(quick_client)
    began = time.process_time()
    found = traced(quick_client)
    assert time.process_time() - began < 0.5
    assert found["batch_size"] == 128
    assert [(layer["type"], layer["pointer"], layer["output_shape"]) for layer in found["layers"]] == [
        ("flatten", None, [784]),
        ("linear", "/model/layers/0", [256]),
        ("relu", "/model/layers/1", [256]),
        ("linear", "/model/layers/2", [10]),
    ]
    weight = found["layers"][1]["parameters"][0]
    assert (weight["name"], weight["shape"], weight["gradient_before"]) == ("1.weight", [256, 784], None)
    assert weight["gradient"]["norm"] > 0
    assert found["blind_guess"] == pytest.approx(2.3026, abs=1e-3) and abs(found["loss"] - 2.3026) < 0.2
    example = found["example"]
    assert len(example["output"]) == 10 and example["target"] in "ABCDEFGHIJ" and found["by_hand"] is None
    sample = quick_client.get("/datasets/notmnist/samples", params={"label": example["target"], "limit": 200}).json()
    assert example["index"] in [item["index"] for item in sample["items"]] or len(sample["items"]) == 200


def test_a_preset_is_traced_as_it_would_be_trained(client: TestClient, worker: Forked) -> None:
    body = {"dataset": "digits", "model": {"preset": "lenet"}, "seed": 4}
    found = traced(client, **body)
    assert found["batch_size"] == 16  # the largest batch size with 50 steps per epoch on 1,149 digits
    run = client.post("/runs", json=body | {"stop": {"max_epochs": 1, "max_steps": 1}}).json()["id"]
    assert ended(client, run)["status"] == "succeeded"
    curve = client.get(f"/runs/{run}/curve", params={"series": "train.loss"}).json()
    assert found["loss"] == pytest.approx(curve["series"]["train.loss"]["value"][0], rel=1e-4)


def test_backpropagation_is_written_out(quick_client: TestClient) -> None:
    model = {"layers": [{"type": "linear", "units": 3}, {"type": "sigmoid"}]}
    found = traced(quick_client, by_hand=True, dataset="diabetes", model=model, batch_size=2)
    written = found["by_hand"]
    assert [product["direction"] for product in written["products"]] == ["forward"] * 3 + ["backward"] * 8
    assert written["products"][0]["formula"] == "Z₁ = X·W₁ + b₁"
    assert [factor["shape"] for factor in written["products"][0]["factors"]] == [[2, 10], [10, 3], [1, 3]]
    assert written["products"][-1]["formula"] == "∂L/∂X = ∂L/∂Z₁·W₁ᵀ"
    assert all(product["result"]["values"] for product in written["products"])
    assert written["largest_difference"] < 1e-6


def test_numbers_that_are_none_are_strings(quick_client: TestClient) -> None:
    model = {"layers": [{"type": "linear", "units": 9}, {"type": "log"}]}
    found = traced(quick_client, model=model)
    assert found["loss"] == "NaN" and found["layers"][2]["output"]["mean"] == "NaN"
    assert [warning["code"] for warning in found["warnings"]] == ["log_with_care"]


@pytest.mark.parametrize(
    ("body", "status", "pointer"),
    [
        ({"dataset": "nowhere"}, 404, None),
        ({"batch_size": 0}, 422, "/batch_size"),
        ({"model": {"layers": [{"type": "linear", "units": 10**5}]}}, 422, "/model/layers/0"),
        ({"model": {"layers": [{"type": "conv2d", "channels": 256, "kernel_size": 13}]}}, 422, "/batch_size"),
        ({"lr": 1}, 422, "/lr"),
    ],
)
def test_what_cannot_be_traced_is_refused(
    quick_client: TestClient, body: dict[str, Any], status: int, pointer: str | None
) -> None:
    answer = quick_client.post("/architectures/trace", json={"dataset": "notmnist"} | body)
    assert answer.status_code == status, answer.text
    if pointer:
        assert answer.json()["errors"][0]["pointer"] == pointer, answer.text
