"""Networks as ONNX files: onnxruntime predicts from them what the service predicts."""

import json
import math
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from fastapi.testclient import TestClient
from torch import Tensor

from app.learning.layers import Layer, Linear, Sigmoid, Softmax
from app.learning.operators import Pixels
from app.learning.outputs import OutputKind
from app.learning.preprocessing import Affine
from app.learning.serialization import Trained
from app.serving.onnx_model import onnx_model
from tests.support.layers import PICTURE, ROW, every_layer
from tests.support.rows import insert_run
from tests.support.served import insert_network
from tests.support.services import Service
from tests.support.trained import CLASSES, untrained

BATCHES = (1, 2, 7, 256)


def predicted(trained: Trained, inputs: Tensor) -> Tensor:
    """The service's answer in numbers."""
    outputs = trained.outputs(inputs)
    return trained.output_kind.probabilities(outputs) if trained.task == "classification" else outputs


def by_onnxruntime(file: bytes, inputs: Tensor) -> Tensor:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    (answer,) = session.run(None, {"input": inputs.numpy()})
    return torch.from_numpy(answer)


def inputs_for(trained: Trained, count: int) -> Tensor:
    """Raw inputs above 0, as the logarithm requires."""
    numbers = torch.Generator().manual_seed(count)
    if len(trained.input_shape) == 3:
        return torch.randint(1, 256, (count, *trained.input_shape), dtype=torch.uint8, generator=numbers)
    return torch.rand((count, *trained.input_shape), generator=numbers) + 0.1


def agree(trained: Trained, inputs: Tensor, **options: Any) -> None:
    found, expected = by_onnxruntime(onnx_model(trained, "run_1", **options), inputs), predicted(trained, inputs)
    assert found.shape == expected.shape and found.dtype == torch.float32
    torch.testing.assert_close(found.double(), expected.double(), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(("layer", "shape"), list(every_layer()))
def test_every_layer_predicts_the_same_for_any_number_of_inputs(layer: Layer, shape: tuple[int, ...]) -> None:
    trained = untrained([layer, Linear(3)], shape)
    for count in BATCHES:
        agree(trained, inputs_for(trained, count))


KINDS = {
    "logits": ([Linear(3)], OutputKind("logits"), CLASSES),
    "softmax": ([Linear(3), Softmax()], OutputKind("probabilities"), CLASSES),
    "one logit for two classes": ([Linear(1)], OutputKind("binary logits", 0.3), ["no", "yes"]),
    "one probability for two classes": ([Linear(1), Sigmoid()], OutputKind("probabilities"), ["no", "yes"]),
}


@pytest.mark.parametrize("kind", KINDS)
def test_outputs_of_every_kind_become_probabilities(kind: str) -> None:
    layers, output_kind, classes = KINDS[kind]
    trained = untrained(layers, ROW, output_kind=output_kind, classes=classes)
    agree(trained, inputs_for(trained, 7))


def test_values_are_in_the_units_of_the_target() -> None:
    about = {"task": "regression", "classes": [], "output_kind": OutputKind("values")}
    trained = untrained([Linear(1)], ROW, prepare_targets=Affine((120.0,), (30.0,)), **about)
    agree(trained, inputs_for(trained, 7))


PREPARED = {
    "none": Affine(),
    "a scale": Affine(scale=(255.0,)),
    "one shift and scale": Affine((117.3,), (61.9,)),
    "one for each column": Affine((1.0, 0.0, -2.0, 0.5, 3.0), (1.0, 2.0, 0.5, 1e-3, 1e3)),
    "missing values": Affine((1.0,) * 5, (2.0,) * 5, fill=(0.1, 0.2, 0.3, 0.4, 0.5)),
    "missing values alone": Affine(fill=(0.1, 0.2, 0.3, 0.4, 0.5)),
}


@pytest.mark.parametrize("prepared", PREPARED)
def test_the_preprocessing_is_inside(prepared: str) -> None:
    affine = PREPARED[prepared]
    trained = untrained([Linear(3)], ROW, prepare_inputs=affine)
    inputs = inputs_for(trained, 7)
    if affine.fill:
        inputs[::2, 1] = math.nan
    agree(trained, inputs)


@pytest.mark.parametrize(("pixels", "type"), [("uint8", torch.uint8), ("float32", torch.float32)])
def test_pictures_are_bytes_or_floats(pixels: Pixels, type: torch.dtype) -> None:
    trained = untrained([Linear(3)], PICTURE, prepare_inputs=Affine((117.3,), (61.9,)))
    agree(trained, inputs_for(trained, 7).to(type), pixels=pixels)


def test_the_file_is_valid_and_names_its_run_classes_and_columns() -> None:
    layers, output_kind, classes = KINDS["one logit for two classes"]
    trained = untrained(layers, ROW, output_kind=output_kind, classes=classes)
    columns = ["rooms", "kind=flat", "kind=house", "year", "area"]
    model = onnx.load_from_string(onnx_model(trained, "run_1", columns=columns))
    onnx.checker.check_model(model, full_check=True)
    known = {item.key: item.value for item in model.metadata_props}
    assert (known["run"], known["step"], known["task"], known["threshold"]) == ("run_1", "7", "classification", "0.3")
    assert json.loads(known["classes"]) == classes and json.loads(known["columns"]) == columns
    assert [value.name for value in (*model.graph.input, *model.graph.output)] == ["input", "probabilities"]


def test_a_run_is_downloaded_as_onnx_and_predicts_as_the_service_does(quick_client: TestClient) -> None:
    service = Service.of(quick_client)
    insert_network(service.database, service.files, "run_as_onnx")
    file = quick_client.get("/runs/run_as_onnx/onnx")
    assert file.status_code == 200 and 'filename="run_as_onnx.onnx"' in file.headers["Content-Disposition"]
    pixels = np.random.default_rng(0).integers(0, 256, (2, 1, 28, 28), np.uint8)
    body = {"instances": pixels.tolist()}
    answer = quick_client.post("/predict", params={"run": "run_as_onnx", "top": "all"}, json=body).json()
    rows = by_onnxruntime(file.content, torch.from_numpy(pixels))
    for row, prediction in zip(rows, answer["predictions"], strict=True):
        chances = {label["label"]: label["probability"] for label in prediction["top"]}
        assert [chances[name] for name in "0123456789"] == pytest.approx(row.tolist(), abs=1e-5)


def test_the_columns_of_a_table_are_in_the_file(quick_client: TestClient) -> None:
    service = Service.of(quick_client)
    insert_network(service.database, service.files, "run_of_rows", "diabetes")
    model = onnx.load_from_string(quick_client.get("/runs/run_of_rows/onnx").content)
    known = {item.key: item.value for item in model.metadata_props}
    assert json.loads(known["columns"]) == quick_client.get("/datasets/diabetes").json()["feature_names"]


def test_a_run_without_weights_has_no_onnx(quick_client: TestClient) -> None:
    with Service.of(quick_client).database.write() as db:
        insert_run(db, "run_without_weights", status="failed")
    refused = quick_client.get("/runs/run_without_weights/onnx")
    assert (refused.status_code, refused.json()["code"]) == (404, "no_weights")
