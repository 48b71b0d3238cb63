"""What a network comes to, before any training."""

from math import e, log
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.learning.presets import PRESETS


def inspect(client: TestClient, layers: list[dict[str, Any]] | None = None, **body: Any) -> dict[str, Any]:
    model = {} if layers is None else {"model": {"layers": layers}}
    answer = client.post("/architectures/inspect", json=model | body)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_each_layer_has_its_shape_its_parameters_and_its_products(quick_client: TestClient) -> None:
    found = inspect(quick_client)  # the default network on letters: 784-256-10
    rows = [(row["type"], row["pointer"], row["output_shape"], row["parameters"]) for row in found["layers"]]
    assert rows == [
        ("flatten", None, [784], 0),
        ("linear", "/model/layers/0", [256], 784 * 256 + 256),
        ("relu", "/model/layers/1", [256], 0),
        ("linear", None, [10], 256 * 10 + 10),
    ]
    assert found["total"] == {"parameters": 203_530, "multiply_adds": 784 * 256 + 256 * 10}
    assert found["warnings"] == []


def test_vgg16_is_inspected_though_it_could_not_be_trained_here(quick_client: TestClient) -> None:
    preset = quick_client.get("/presets/vgg16").json()
    found = inspect(
        quick_client, model={"preset": "vgg16"}, input_shape=preset["input_shape"], outputs=preset["outputs"]
    )
    assert found["total"]["parameters"] == 138_357_544
    assert [row["output_shape"] for row in found["layers"] if row["type"] == "max_pool2d"][-1] == [512, 7, 7]
    assert sum(row["type"] == "conv2d" for row in found["layers"]) == 13
    refused = quick_client.post("/runs", json={"dataset": "notmnist", "model": {"preset": "vgg16"}})
    assert refused.status_code == 422 and "does not fit" in refused.json()["detail"]


def test_a_teacher_would_say_so(quick_client: TestClient) -> None:
    linear, relu, softmax = {"type": "linear", "units": 10}, {"type": "relu"}, {"type": "softmax"}
    for layers, expected in (
        ([linear, linear], [("linear_stack_collapses", "/model/layers/1")]),
        (
            [{"type": "block", "repeat": 3, "layers": [linear]}],
            [("linear_stack_collapses", "/model/layers/0/layers/0")],
        ),
        ([linear, softmax], [("softmax_before_cross_entropy", "/model/layers/1")]),
        ([linear, {"type": "log"}], [("log_with_care", "/model/layers/1")]),
        ([linear, {"type": "square"}], [("square_with_care", "/model/layers/1")]),
        ([linear, {"type": "sine"}], [("sine_with_care", "/model/layers/1")]),
        ([linear, relu, linear], []),
    ):
        warnings = inspect(quick_client, layers)["warnings"]
        assert [(warning["code"], warning["pointer"]) for warning in warnings][:1] == expected, layers
        assert all(warning["fix"] for warning in warnings)
    floor = inspect(quick_client, [linear, softmax])["warnings"][0]["detail"]
    assert f"{log(e + 9) - 1:.3f}" == "1.461" and "1.461" in floor
    assert inspect(quick_client, [linear, softmax], outputs=1)["warnings"] == []


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"model": {"layers": [{"type": "linear", "units": 10**8}]}, "input_shape": [1000]}, "/model/layers/0"),
        ({"model": {"layers": [{"type": "conv2d", "channels": 3}]}, "input_shape": [10]}, "/model/layers/0"),
        ({"model": {"preset": "vgg"}}, "/model/preset"),
        ({"model": {"preset": "mlp", "layers": []}}, "/model"),
        ({"input_shape": []}, "/input_shape"),
        ({"input_shape": [1, 2, 3, 4]}, "/input_shape"),
        ({"outputs": 0}, "/outputs"),
        ({"model": {"layers": [{"type": "block", "layers": []}]}}, "/model/layers/0/layers"),
        ({"model": {"layers": [{"type": "block", "layers": [{"type": "conv"}]}]}}, "/model/layers/0/layers/0"),
        ({"model": {"layers": [{"type": "linear", "units": 3, "init": "hee"}]}}, "/model/layers/0/init"),
    ],
)
def test_what_cannot_be_is_refused_at_its_place(quick_client: TestClient, body: dict[str, Any], pointer: str) -> None:
    answer = quick_client.post("/architectures/inspect", json=body)
    assert answer.status_code == 422
    assert pointer in [error["pointer"] for error in answer.json()["errors"]], answer.text


def test_a_preset_is_a_request_that_may_be_changed_field_by_field(quick_client: TestClient) -> None:
    presets = quick_client.get("/presets").json()["items"]
    assert [preset["name"] for preset in presets] == list(PRESETS)
    assert quick_client.get("/presets/lenett").status_code == 404
    request = quick_client.get("/presets/vgg_small").json()["request"]
    resolved = quick_client.post("/runs", json=request | {"dataset": "notmnist"}).json()["request"]
    assert (resolved["batch_size"], resolved["stop"]["max_epochs"], resolved["normalise"]) == (64, 10, "standard")
    changed = quick_client.post(
        "/runs",
        json={
            "dataset": "notmnist",
            "model": {"preset": "vgg_small"},
            "stop": {"max_steps": 5},
            "optimizer": {"lr": 1},
        },
    ).json()["request"]
    assert changed["stop"] == resolved["stop"] | {"max_steps": 5}
    assert changed["optimizer"] == resolved["optimizer"] | {"lr": 1}
    assert changed["model"] == resolved["model"]
    other = quick_client.post(
        "/runs", json={"dataset": "notmnist", "model": {"preset": "vgg_small"}, "optimizer": {"name": "sgd"}}
    ).json()["request"]
    assert other["optimizer"] == {"name": "sgd", "formulas": "torch", "lr": 0.1, "weight_decay": 0.0}


@pytest.mark.parametrize(
    ("change", "pointer"),
    [
        ({"model": {"layers": [{"type": "linear", "units": 9, "trainable": False},
                               {"type": "linear", "units": 10, "trainable": False}]}}, "/model/layers"),
        ({"model": {"layers": [{"type": "linear", "units": 9}, {"type": "batch_norm"}]}, "batch_size": 1},
         "/model/layers/1"),
    ],
)  # fmt: skip
def test_what_could_not_learn_is_refused(quick_client: TestClient, change: dict[str, Any], pointer: str) -> None:
    answer = quick_client.post("/runs", json={"dataset": "notmnist"} | change)
    assert answer.status_code == 422 and answer.json()["errors"][0]["pointer"] == pointer
