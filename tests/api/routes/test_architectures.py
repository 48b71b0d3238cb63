"""Inspection of a network before training."""

import time
from math import e, log
from typing import Any

import pytest
import torch
from fastapi.testclient import TestClient

from app.learning.presets import PRESETS
from app.learning.serialization import from_safetensors
from tests.support.fork_server import Forked
from tests.support.rows import insert_run
from tests.support.runs import ended
from tests.support.services import Service


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


def test_bytes_grow_with_the_batch_where_they_do(quick_client: TestClient) -> None:
    few, many = (inspect(quick_client, batch_size=size)["memory"] for size in (10, 1000))
    assert few["parameters"] == few["gradients"] == 4 * 203_530 and few["optimizer_state"] == 8 * 203_530
    assert {name: many[name] // few[name] for name in few} == {
        "parameters": 1, "gradients": 1, "optimizer_state": 1, "saved_for_backward": 100, "inference": 100
    }  # fmt: skip
    assert few["saved_for_backward"] == 10 * 4 * (784 + 256)  # the pictures, and the output of the ReLU
    plain = inspect(quick_client, optimizer={"name": "sgd"})["memory"]
    assert plain["optimizer_state"] == 0


def test_a_preset_is_inspected_as_it_would_be_trained(quick_client: TestClient) -> None:
    preset = inspect(quick_client, model={"preset": "lecture_classifier"})["memory"]
    assert preset["optimizer_state"] == 0  # SGD
    batches = [
        inspect(quick_client, model={"preset": "vgg_small"}, **body)["memory"] for body in ({}, {"batch_size": 128})
    ]
    assert batches[1]["inference"] == 2 * batches[0]["inference"]  # the preset's own batch size is 64


def test_the_time_of_an_epoch_is_judged_by_earlier_trainings(client: TestClient, service: Service) -> None:
    def epoch_time(**body: Any) -> Any:
        return inspect(client, [{"type": "linear", "units": 32}], **body)["epoch_time"]

    assert epoch_time(dataset="digits") is None
    request = {"model": {"layers": [{"type": "linear", "units": 32}, {"type": "linear", "units": 10}]}}
    examples = {"examples": {"train": 1000}}
    with service.database.write() as db:
        for run, size in (("run_1", 100), ("run_2", "full")):  # of another owner: all share the workers
            insert_run(
                db, run, owner="s1", request=request | {"batch_size": size}, environment=examples,
                progress={"step": 50, "seconds": 1.0}, finished_at=1.0,
            )  # fmt: skip
        insert_run(db, "run_3", "failed", finished_at=2.0)
    assert epoch_time() is None  # without a dataset there is no epoch
    known = epoch_time(dataset="digits", batch_size=100)
    assert known["trainings"] == 2 and known["least"] < known["most"]


def test_linear_layers_in_a_row_are_one_and_it_is_said_which(quick_client: TestClient) -> None:
    (stack,) = inspect(quick_client, [{"type": "linear", "units": 3}], input_shape=[2], outputs=2)["linear_stacks"]
    assert stack == {
        "pointers": ["/model/layers/0", "/model/layers/1"], "input_shape": [2], "output_shape": [2],
        "parameters": 2 * 3 + 3 + 3 * 2 + 2, "numbers": 2 * 2 + 2, "weight": None, "bias": None,
    }  # fmt: skip
    assert inspect(quick_client)["linear_stacks"] == []


def test_a_thousand_layers_are_inspected_in_half_a_second(quick_client: TestClient) -> None:
    picture = [{"type": "conv2d", "channels": 8}, {"type": "batch_norm"}, {"type": "relu"}]
    inspect(quick_client)
    began = time.process_time()
    found = inspect(quick_client, [{"type": "block", "repeat": 100, "layers": picture}] * 3)
    assert time.process_time() - began < 0.5
    assert len(found["layers"]) == 902


def test_a_network_is_drawn(quick_client: TestClient) -> None:
    body = {"model": {"preset": "vgg16"}, "input_shape": [3, 224, 224], "outputs": 1000}
    answer = quick_client.post("/architectures/diagram.svg", json=body)
    assert answer.headers["Content-Type"] == "image/svg+xml" and answer.text.startswith("<svg ")
    assert "vgg16: 138,357,544 parameters" in answer.text and "512×7×7" in answer.text
    run = quick_client.post("/runs", json={"dataset": "digits", "name": "mine & yours"}).json()["id"]
    answer = quick_client.get(f"/runs/{run}/diagram.svg")
    assert "mine &amp; yours: 203,530 parameters" in answer.text and "1×28×28" in answer.text
    other = [{"type": "linear", "units": 8}, {"type": "linear", "units": 9}]
    refused = quick_client.post("/architectures/diagram.svg", json={"model": {"layers": other * 60}})
    assert refused.status_code == 422 and "at most 100" in refused.json()["detail"]


def test_vgg16_is_inspected_though_it_could_not_be_trained_here(quick_client: TestClient) -> None:
    preset = quick_client.get("/presets/vgg16").json()
    found = inspect(
        quick_client, model={"preset": "vgg16"}, input_shape=preset["input_shape"], outputs=preset["outputs"]
    )
    assert found["total"]["parameters"] == 138_357_544
    assert [row["output_shape"] for row in found["layers"] if row["type"] == "max_pool2d"][-1] == [512, 7, 7]
    assert sum(row["type"] == "conv2d" for row in found["layers"]) == 13
    refused = quick_client.post("/runs", json={"dataset": "notmnist", "model": {"preset": "vgg16"}})
    assert refused.status_code == 422 and "vgg16 is made for pictures of 3×224×224" in refused.json()["detail"]


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
    within = inspect(quick_client, [linear, softmax], outputs=1)["warnings"]
    assert [warning["code"] for warning in within] == ["softmax_within"]  # the output layer follows it


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


def resolved_preset(client: TestClient, name: str, dataset: str) -> dict[str, Any]:
    """A preset's request as the API returns it, resolved on a dataset."""
    preset = client.get(f"/presets/{name}").json()
    assert preset["request"]["model"] == {"preset": name}
    found = client.post("/runs", json=preset["request"] | {"dataset": dataset})
    assert found.status_code == 202, found.text
    return found.json()["request"]


def stack_of(request: dict[str, Any]) -> list[tuple[str, int | None]]:
    return [(layer["type"], layer.get("units")) for layer in request["model"]["layers"]]


@pytest.mark.parametrize(
    ("name", "last"), [("lecture_classifier", []), ("lecture_classifier_as_written", [("softmax", None)])]
)
def test_the_lectures_classifier_is_trained_as_the_lecture_has_it(
    quick_client: TestClient, name: str, last: list[tuple[str, int | None]]
) -> None:
    found = resolved_preset(quick_client, name, "notmnist")
    assert stack_of(found) == [("linear", 256), ("relu", None), ("linear", 10), *last]
    assert found["optimizer"] == {"name": "sgd", "formulas": "torch", "lr": 0.1, "weight_decay": 0.0}
    assert (found["batch_size"], found["accumulate"], found["schedule"]["name"]) == ("full", 1, "constant")
    stop = {key: value for key, value in found["stop"].items() if value is not None and key != "divergence"}
    assert stop == {"max_epochs": 2000}
    assert found["loss"]["name"] == "cross_entropy" and found["split"]["stratify"] is False


@pytest.mark.parametrize("outputs", [2, 37])
@pytest.mark.parametrize("name", PRESETS)
def test_a_preset_has_one_output_layer_for_any_number_of_classes(
    quick_client: TestClient, name: str, outputs: int
) -> None:
    def layers(outputs: int) -> list[dict[str, Any]]:
        asked = {"model": {"preset": name}, "input_shape": PRESETS[name].input_shape, "outputs": outputs}
        found: list[dict[str, Any]] = quick_client.post("/architectures/inspect", json=asked).json()["layers"]
        return found

    changed, made_for = layers(outputs), layers(PRESETS[name].outputs)
    assert [layer["type"] for layer in changed] == [layer["type"] for layer in made_for]
    assert changed[-1]["output_shape"] == [outputs]


def test_the_lectures_regressor_is_trained_as_the_lecture_has_it_beside_a_validation_part(
    quick_client: TestClient,
) -> None:
    found = resolved_preset(quick_client, "lecture_regressor", "diabetes")
    assert stack_of(found) == [("linear", 64), ("relu", None), ("linear", 1)]
    adam = {"name": "adam", "formulas": "torch", "lr": 0.001, "betas": [0.9, 0.999], "eps": 1e-8, "weight_decay": 0.0}
    assert found["optimizer"] == adam
    assert (found["batch_size"], found["accumulate"], found["schedule"]["name"]) == ("full", 1, "constant")
    stop = {key: value for key, value in found["stop"].items() if value is not None and key != "divergence"}
    assert stop == {"max_epochs": 3000}
    assert found["loss"]["name"] == "mse" and found["scaling"] == {"inputs": "none", "target": "none"}
    assert found["split"]["validation"] == 0.16
    summary = quick_client.get("/presets/lecture_regressor").json()["summary"]
    assert "no validation" not in summary and "a validation part is held out" in summary


def test_as_many_parameters_as_the_page_says_are_inspected_and_no_more(quick_client: TestClient) -> None:
    def sized(inputs: int, units: int, bias: bool) -> Any:
        model = {"layers": [{"type": "linear", "units": units, "bias": bias}]}
        body = {"model": model, "input_shape": [inputs], "outputs": units}
        return quick_client.post("/architectures/inspect", json=body)

    most = sized(2_996, 333_667, True)  # 2,997 · 333,667
    assert most.status_code == 200 and most.json()["total"]["parameters"] == 999_999_999
    refused = sized(100_000, 10_000, False)  # 10⁹
    assert refused.status_code == 422 and "at most 999,999,999" in refused.json()["detail"]


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


def test_a_learning_rate_is_judged_before_there_is_a_run(quick_client: TestClient) -> None:
    body = {"model": {"layers": [{"type": "linear", "units": 8}, {"type": "relu"}]}, "input_shape": [4], "outputs": 3}
    codes = [
        [
            warning["code"]
            for warning in quick_client.post("/architectures/inspect", json=body | more).json()["warnings"]
        ]
        for more in ({}, {"optimizer": {"name": "adam", "lr": 50}}, {"optimizer": {"name": "sgd", "lr": 0.1}})
    ]
    assert codes == [[], ["learning_rate_unusual"], []]


def test_a_trained_linear_stack_comes_with_the_one_matrix_and_bias_that_it_is(
    client: TestClient, worker: Forked
) -> None:
    collapsing = {"layers": [{"type": "linear", "units": 8}, {"type": "dropout"}, {"type": "linear", "units": 4}]}
    body: dict[str, Any] = {"dataset": "diabetes", "model": collapsing, "optimizer": {"name": "adam", "lr": 1.0}}
    body["stop"] = {"max_steps": 30}
    run = client.post("/runs", json=body).json()
    assert [warning["code"] for warning in run["warnings"]] == [
        "linear_stack_collapses", "no_nonlinearity", "learning_rate_unusual"
    ]  # fmt: skip
    before = client.get(f"/runs/{run['id']}/architecture").json()["linear_stacks"]
    assert len(before) == 1 and len(before[0]["pointers"]) == 3
    assert ended(client, run["id"])["status"] == "succeeded"
    answer = client.get(f"/runs/{run['id']}/architecture").json()
    assert answer["warnings"] == run["warnings"]
    (stack,) = answer["linear_stacks"]
    assert (stack["input_shape"], stack["output_shape"], stack["numbers"]) == ([10], [1], 11)
    trained = from_safetensors(client.get(f"/runs/{run['id']}/weights").content)
    inputs = torch.randn(20, 10)
    with torch.no_grad():
        outputs = trained.model.eval()(inputs).double()
    ours = inputs.double() @ torch.tensor(stack["weight"]).double() + torch.tensor(stack["bias"]).double()
    torch.testing.assert_close(ours, outputs, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("dataset", "shape", "outputs"), [("digits", [28, 28], 10), ("diabetes", [10], 1)], ids=["pictures", "a table"]
)
def test_a_dataset_gives_the_sizes_and_a_run_the_rest(
    quick_client: TestClient, dataset: str, shape: list[int], outputs: int
) -> None:
    model = {"layers": [{"type": "linear", "units": 7}]}
    inspected = quick_client.post("/architectures/inspect", json={"dataset": dataset, "model": model}).json()
    run = quick_client.post("/runs", json={"dataset": dataset, "model": model}).json()["id"]
    of_run = quick_client.get(f"/runs/{run}/architecture").json()
    of_run["layers"][-1]["pointer"] = None  # the output layer, which a run's request has
    assert inspected == of_run and inspected["layers"][-1]["output_shape"] == [outputs]
    drawn = quick_client.post("/architectures/diagram.svg", json={"dataset": dataset, "model": model})
    assert "×".join(map(str, shape)) in drawn.text
    larger = inspect(quick_client, dataset=dataset, batch_size=1000, optimizer={"name": "sgd"})["memory"]
    assert larger["optimizer_state"] == 0 and larger["inference"] > inspected["memory"]["inference"]


@pytest.mark.parametrize("field", ["input_shape", "outputs"])
def test_a_size_beside_a_dataset_is_refused(quick_client: TestClient, field: str) -> None:
    body = {"dataset": "digits", field: [3] if field == "input_shape" else 3}
    refused = quick_client.post("/architectures/inspect", json=body)
    assert refused.status_code == 422 and refused.json()["code"] == "size_follows_from_dataset"
    assert refused.json()["errors"][0]["fix"] == {"field": f"/{field}", "value": None}
    missing = quick_client.post("/architectures/inspect", json={"dataset": "digit"})
    assert missing.status_code == 404 and "digits" in missing.json()["detail"]
