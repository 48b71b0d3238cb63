"""Every mistake in a request gets a problem that says how to correct it, and never a 5xx."""

import io
import json
import random
from typing import Any

import pytest
from fastapi.testclient import TestClient
from PIL import Image

from app.api.middleware import JSON_BYTES
from tests.support.runs import SMALL, ended, queue
from tests.support.workers import Workers

LETTERS: dict[str, Any] = {"dataset": "notmnist"}
JSON = {"Content-Type": "application/json"}


def layers(*found: dict[str, Any]) -> dict[str, Any]:
    return LETTERS | {"model": {"layers": list(found)}}


# The request, the field in the error, and part of the message.
WRONG_RUNS: list[tuple[dict[str, Any], str, str]] = [
    ({}, "/dataset", "required"),
    ({"dataset": 3}, "/dataset", "string"),
    (layers({"type": "linaer", "units": 3}), "/model/layers/0", "did you mean 'linear'"),
    (layers({"type": "linear"}), "/model/layers/0/units", "required"),
    (layers({"type": "linear", "units": 0}), "/model/layers/0/units", "greater than or equal to 1"),
    (layers({"type": "linear", "units": 10**9}), "/model/layers", ""),
    (layers({"type": "linear", "units": 3, "unit": 3}), "/model/layers/0/unit", "did you mean 'units'"),
    (layers({"type": "linear", "unit": 3}), "/model/layers/0/unit", "did you mean 'units'"),  # `units` is also missing
    (LETTERS | {"model": {"layers": [256, "relu"]}}, "/model/layers/1", '{"type": "relu"}'),
    (layers({"type": "linear", "units": 3, "init": "normal"}), "/model/layers/0/init", "with the fields"),
    (layers({"type": "linear", "units": 3, "lr": 0.1}), "/model/layers/0/lr", "lr_factor"),
    (LETTERS | {"model": "mlp"}, "/model", "with the fields layers, preset"),
    (LETTERS | {"model": {"preset": "vgg16"}}, "/model/preset", "made for pictures of 3×224×224, but this"),
    (LETTERS | {"model": {"preset": "vgg16"}}, "/model/preset", "vgg_small"),
    (LETTERS | {"modle": {}}, "/modle", "did you mean 'model'"),
    ({"datset": "notmnist"}, "/datset", "did you mean 'dataset'"),
    (LETTERS | {"lr": 0.1}, "/lr", "belongs under 'optimizer'"),
    (LETTERS | {"max_epochs": 3}, "/max_epochs", "belongs under 'stop'"),
    (LETTERS | {"epochs": 3}, "/epochs", "did you mean 'max_epochs', which belongs under 'stop'"),
    (LETTERS | {"zzz": 3}, "/zzz", "the fields are name, dataset"),
    (LETTERS | {"stop": 5}, "/stop", "with the fields max_epochs"),
    (LETTERS | {"optimizer": {"name": "adamm"}}, "/optimizer", "did you mean 'adam'"),
    (
        LETTERS | {"optimizer": {"name": "sgd", "momentum": 0.9}},
        "/optimizer/momentum",
        "the fields are lr, weight_decay",
    ),
    (LETTERS | {"optimizer": {"name": "adam", "lr": -1}}, "/optimizer/lr", "greater than 0"),
    (LETTERS | {"optimizer": {"name": "adam", "lr": 0}}, "/optimizer/lr", "greater than 0"),
    (LETTERS | {"optimizer": {"name": "adam", "lr": 1e10}}, "/optimizer/lr", "less than"),
    (LETTERS | {"optimizer": {"name": "adam", "lr": "0.1"}}, "/optimizer/lr", "leave out the quotes"),
    (LETTERS | {"optimizer": {"name": "adam", "betas": [0.9, 1.5]}}, "/optimizer/betas", "less than"),
    (LETTERS | {"optimizer": {"name": 1, "lr": 0.1}}, "/optimizer", "field 'name'"),
    (LETTERS | {"optimizer": {"name": ["adam"]}}, "/optimizer", "field 'name'"),
    (LETTERS | {"optimizer": "adma"}, "/optimizer", "did you mean 'adam'"),
    (LETTERS | {"optimizer": "SGD"}, "/optimizer", "did you mean 'sgd'"),
    (LETTERS | {"optimizer": 3}, "/optimizer", '{"name": …}'),
    (
        LETTERS | {"optimizer": {"name": "adam", "learning_rate": 0.1}},
        "/optimizer/learning_rate",
        "the fields are lr, betas",
    ),
    (LETTERS | {"optimizer": {"name": "adam", "formulas": "lectures"}}, "/optimizer", "did you mean 'lecture'"),
    (LETTERS | {"optimizer": {"name": "adamw", "formulas": "lecture"}}, "/optimizer/formulas", "'torch'"),
    (LETTERS | {"optimizer": {"name": "momentum", "nesterov": True, "dampening": 0.1}}, "/optimizer/nesterov", "of 0"),
    (
        LETTERS | {"optimizer": {"name": "momentum", "formulas": "lecture", "nesterov": True}},
        "/optimizer/nesterov",
        "no such field",
    ),
    (
        LETTERS | {"optimizer": {"name": "adam", "formulas": "lecture", "weight_decay": 0.1}},
        "/optimizer/weight_decay",
        "no such field",
    ),
    (
        LETTERS | {"optimizer": {"name": "adam", "formulas": "lecture", "betas": [0.9, 1.5]}},
        "/optimizer/betas",
        "less than",
    ),
    (
        LETTERS | {"optimizer": {"name": "momentum", "nesterov": True, "momentum": 0.0}},
        "/optimizer/nesterov",
        "momentum above 0",
    ),
    (LETTERS | {"optimizer": {"name": "momentum", "momentum": 0.9, "lr": 0}}, "/optimizer/lr", "greater than 0"),
    (LETTERS | {"optimizer": {"name": "momentum", "momentum": 1}}, "/optimizer/momentum", "less than 1"),
    (LETTERS | {"optimizer": {"name": "rmsprop", "alpha": 1}}, "/optimizer/alpha", "less than 1"),
    (LETTERS | {"schedule": "cosin"}, "/schedule", "did you mean 'cosine'"),
    (LETTERS | {"schedule": {"name": "cosin"}}, "/schedule", "did you mean 'cosine'"),
    (LETTERS | {"schedule": {"name": "cosine", "floor": 2}}, "/schedule/floor", "less than or equal to 1"),
    (LETTERS | {"schedule": "step"}, "/schedule/every", "required"),
    (LETTERS | {"schedule": 3}, "/schedule", "field 'name'"),
    (LETTERS | {"schedule": {"name": "constant", "gamma": 0.1}}, "/schedule/gamma", "no such field"),
    (LETTERS | {"clip_norm": 0}, "/clip_norm", "greater than 0"),
    (LETTERS | {"accumulate": 0}, "/accumulate", "greater than or equal to 1"),
    (LETTERS | {"accumulate": 2, "batch_size": "full"}, "/accumulate", "leave accumulate out"),
    (LETTERS | {"batch_size": 0}, "/batch_size", "greater than or equal to 1, or: Input should be 'full'"),
    (LETTERS | {"batch_size": "half"}, "/batch_size", "full"),
    (LETTERS | {"seed": -1}, "/seed", "greater than or equal to 0"),
    (LETTERS | {"seed": 2**63}, "/seed", "less than"),
    (LETTERS | {"name": "x" * 201}, "/name", "200"),
    (
        layers({"type": "linear", "units": 8}, {"type": "batch_norm"})
        | {
            "dataset": "digits",
            "split": {"validation": 700, "test": 1096, "stratify": False},
        },  # only one example is left for training
        "/model/layers/1",
        "batches of at least 2 examples",
    ),
    (LETTERS | {"loss": "mse"}, "/loss", "cross_entropy"),
    (LETTERS | {"loss": "cross_entrpy"}, "/loss", "did you mean 'cross_entropy'"),
    (LETTERS | {"loss": {"name": "cross_entropy", "label_smoothing": 1}}, "/loss/label_smoothing", "less than 1"),
    (LETTERS | {"loss": {"name": "cross_entropy", "class_weights": [1, 2]}}, "/loss/class_weights", "10 classes"),
    (LETTERS | {"loss": {"name": "cross_entropy", "class_weights": [0] * 10}}, "/loss/class_weights", "greater than 0"),
    (LETTERS | {"loss": {"name": "cross_entropy", "reduction": "max"}}, "/loss/reduction", "'mean'"),
    (LETTERS | {"loss": ["mse"]}, "/loss", "name"),
    (LETTERS | {"loss": "binary_cross_entropy"}, "/loss", "two classes"),
    ({"dataset": "diabetes", "loss": {"name": "huber", "delta": 0}}, "/loss/delta", "greater than 0"),
    ({"dataset": "diabetes", "loss": "cross_entropy"}, "/loss", "use mse"),
    (LETTERS | {"scaling": {"inputs": "none"}}, "/scaling", "tables"),
    ({"dataset": "diabetes", "normalise": "unit"}, "/normalise", "pictures"),
    ({"dataset": "diabetes", "augment": {"shift": 0.1}}, "/augment", "pictures"),
    (LETTERS | {"augment": {}}, "/augment", "leave augment out"),
    (LETTERS | {"augment": {"shift": 0, "noise": 0}}, "/augment", "leave augment out"),
    (LETTERS | {"augment": {"shift": 0.6}}, "/augment/shift", "less than or equal to 0.5"),
    (LETTERS | {"augment": {"rotate": -1}}, "/augment/rotate", "greater than or equal to 0"),
    (LETTERS | {"augment": {"rotate": 181}}, "/augment/rotate", "less than or equal to 180"),
    (LETTERS | {"augment": {"scale": 0.6}}, "/augment/scale", "less than or equal to 0.5"),
    (LETTERS | {"augment": {"noise": 2}}, "/augment/noise", "less than or equal to 1"),
    (LETTERS | {"augment": {"erase": 0.6}}, "/augment/erase", "less than or equal to 0.5"),
    (LETTERS | {"augment": {"flip": 0.5}}, "/augment/flip", "no such field"),
    (LETTERS | {"augment": "shift"}, "/augment", "object"),
    (LETTERS | {"split": {"validation": 0.5, "test": 0.5}}, "/split", "below 1"),
    (LETTERS | {"split": {"test": 1.5}}, "/split/test", "below 1"),
    (LETTERS | {"stop": {"max_epochs": None}}, "/stop", "max_epochs, max_steps"),
    (LETTERS | {"stop": {"max_epochs": 10**7}}, "/stop/max_epochs", "1000000"),
    (LETTERS | {"stop": {"max_steps": 0}}, "/stop/max_steps", "greater than or equal to 1"),
    (LETTERS | {"stop": {"divergence": {"factor": 1}}}, "/stop/divergence/factor", "greater than 1"),
    (LETTERS | {"device": "tpu"}, "/device", "'auto'"),
    (LETTERS | {"tags": {"a": 1}}, "/tags/a", "string"),
    (LETTERS | {"priority": 0.5}, "/priority", "integer"),
]


@pytest.mark.parametrize(("request_body", "pointer", "advice"), WRONG_RUNS, ids=[str(w[0])[:70] for w in WRONG_RUNS])
def test_a_wrong_field_is_named_with_what_would_be_right(
    quick_client: TestClient, request_body: dict[str, Any], pointer: str, advice: str
) -> None:
    answer = quick_client.post("/runs", json=request_body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    errors = answer.json()["errors"]
    assert any(error["pointer"].startswith(pointer) and advice in error["detail"] for error in errors), errors


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"dataset": NaN}', b'{"seed": Infinity, "dataset": "digits"}',
     b'{"dataset": "\\ud800"}', b'{"\\udc00": 1}', b'{"dataset": "digits", "seed": 1e400}', b"[" * 100_000,
     b'{"dataset": "digits", "seed": ' + b"9" * 5000 + b"}",
     b'{"dataset": "digits", "name": "\\u0000"}'],
)  # fmt: skip
def test_a_broken_body_is_a_clients_mistake(quick_client: TestClient, body: bytes) -> None:
    answer = quick_client.post("/runs", content=body, headers=JSON)
    assert 400 <= answer.status_code < 500 and answer.json()["detail"], answer.text


def test_a_body_over_the_limit_is_refused_with_the_limit(quick_client: TestClient) -> None:
    answer = quick_client.post("/runs", content=b" " * (JSON_BYTES + 1), headers=JSON)
    assert answer.status_code == 413 and f"{JSON_BYTES:,}" in answer.json()["detail"]
    chunks = (b" " * 65536 for _ in range(JSON_BYTES // 65536 + 2))  # chunked: without a Content-Length
    assert quick_client.post("/runs", content=chunks, headers=JSON).status_code == 413


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/runs/run_none", 404), ("GET", "/nothing", 404), ("PUT", "/runs", 405), ("GET", "/datasets/none", 404),
     ("POST", "/runs/run_none/cancel", 404), ("GET", "/runs?limit=0", 422), ("GET", "/runs?limit=1000", 422),
     ("GET", "/runs?tag=x", 422), ("GET", "/datasets/notmnist/images/10000.png", 404),
     ("GET", "/datasets/notmnist/images/-1.png", 404), ("GET", "/datasets/notmnist/samples?label=Q", 422),
     ("GET", "/datasets/diabetes/preview.png", 404), ("GET", "/datasets/notmnist/preview.png?rows=0", 422),
     ("GET", "/runs/%00", 404), ("GET", "/datasets/%ED%A0%80", 404), ("GET", "/runs/run_none/curve.gif", 404)],
)  # fmt: skip
def test_a_wrong_address_is_a_problem_too(quick_client: TestClient, method: str, path: str, status: int) -> None:
    answer = quick_client.request(method, path)
    assert answer.headers["content-type"] == "application/problem+json"
    assert (answer.status_code, answer.json()["status"]) in {(status, status), (422, 422)}


def png(width: int = 28, height: int = 28, mode: str = "L") -> bytes:
    file = io.BytesIO()
    Image.new(mode, (width, height)).save(file, "PNG")
    return file.getvalue()


def test_wrong_pictures_are_refused_with_what_would_be_right(client: TestClient, workers: Workers) -> None:
    assert client.post("/predict", content=png()).status_code == 404  # nothing has been trained yet
    run = queue(client, SMALL)
    assert client.post("/predict", params={"run": run}, content=png()).status_code == 409
    workers.start()
    assert ended(client, run)["status"] == "succeeded"

    def refused(status: int, advice: str, content: bytes = b"", kind: str | None = "image/png", **params: str) -> None:
        headers = {"Content-Type": kind} if kind else {}
        answer = client.post("/predict", params={"run": run} | params, content=content, headers=headers)
        assert answer.status_code == status and advice in answer.json()["detail"], answer.text

    whole = png()
    noise = io.BytesIO()
    Image.frombytes("L", (28, 28), random.Random(0).randbytes(784)).save(noise, "PNG")
    refused(422, "the body is empty")
    for length in range(29, len(noise.getvalue()) - 24, 29):  # beyond that only checksums are missing, no pixels
        refused(422, "picture", noise.getvalue()[:length])
    refused(422, "fit=true", png(27, 28))
    refused(422, "25,000,000 pixels", png(20_000, 20_000, "1"), fit="true")
    refused(415, "-H 'Content-Type: image/png'", whole, "application/x-www-form-urlencoded")
    refused(415, "-H 'Content-Type: image/png'", whole, None)
    refused(400, "JSON", b"{", "application/json")
    refused(422, "784", b'{"instances": [[1, 2]]}', "application/json")
    refused(422, "finite", b'{"instances": [[' + b"NaN," * 783 + b"1]]}", "application/json")
    refused(422, "instances", b'{"instances": []}', "application/json")
    refused(422, "top", whole, top="0")
    assert client.post("/predict", params={"run": run}, files={"picture": whole}).status_code == 422
    assert client.post("/predict", params={"run": run}, files=[("image", whole)] * 3).json()["predictions"][2]


def test_what_only_a_preset_says_and_the_data_have_no_use_for_is_left_out(quick_client: TestClient) -> None:
    wanted = {"dataset": "diabetes", "model": {"preset": "mlp"}, "loss": "mse", "stop": {"max_steps": 1}}
    answer = quick_client.post("/runs", json=wanted)
    assert answer.status_code == 202, answer.text
    assert answer.json()["request"]["normalise"] is None and answer.json()["request"]["scaling"]["inputs"] == "standard"
    refused = quick_client.post("/runs", json=wanted | {"normalise": "unit"})
    assert refused.status_code == 422 and refused.json()["errors"][0]["pointer"] == "/normalise"


def test_what_is_echoed_can_be_read_and_changes_no_terminal(quick_client: TestClient) -> None:
    said = quick_client.post("/runs", json={"dataset": "notmnist", "model": {"preset": "vgg16"}}).text
    assert "3×224×224" in said
    name = "Омск \x1b[31m \x9b31m \u202e \ud800 \U0001f600"
    answer = quick_client.post("/runs", content=json.dumps(LETTERS | {"optimizer": name}), headers=JSON)
    assert answer.status_code == 422 and "Омск" in answer.text and "\U0001f600" in answer.text
    assert all(letter.isprintable() for letter in answer.text)
