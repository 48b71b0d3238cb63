"""Open Inference Protocol: Triton's own client, and requests by hand."""

import asyncio
import json
import struct
import time
from typing import Any

import httpx
import numpy as np
import pytest
import tritonclient.http as triton
from fastapi.testclient import TestClient
from tritonclient.utils import InferenceServerException

from app.api.inference_body import HEADER
from app.api.middleware import JSON_BYTES
from app.serving.tensors import DATATYPES
from tests.support.runs import SMALL
from tests.support.served import serve

PIXELS = np.random.default_rng(0).integers(0, 256, (3, 1, 28, 28), np.uint8)


@pytest.fixture(scope="module")
def client(quick_client: TestClient) -> TestClient:
    serve(quick_client, "run_inferred")
    serve(quick_client, "run_of_a_table", dataset="diabetes")
    assert quick_client.put("/models/inferred", json={"run": "run_inferred"}).status_code == 200
    return quick_client


def tensor(values: Any, datatype: str = "UINT8", **changes: Any) -> dict[str, Any]:
    array = np.asarray(values)
    return {"name": "input", "shape": list(array.shape), "datatype": datatype, "data": array.tolist()} | changes


def infer(client: TestClient, body: Any, name: str = "inferred", **headers: str) -> Any:
    return client.post(f"/v2/models/{name}/infer", json=body, headers=headers)


def predicted(client: TestClient, pixels: np.ndarray) -> list[dict[str, float]]:
    """The probabilities that `/predict` gives."""
    answer = client.post("/predict?run=run_inferred&top=all", json={"instances": pixels.tolist()})
    return [{top["label"]: top["probability"] for top in item["top"]} for item in answer.json()["predictions"]]


def test_json_in_and_out_says_what_predict_says(client: TestClient) -> None:
    answer = infer(client, {"id": "42", "inputs": [tensor(PIXELS)]}).json()
    assert (answer["model_name"], answer["id"], answer["parameters"]) == ("inferred", "42", {"run": "run_inferred"})
    probabilities, label = answer["outputs"]
    assert (probabilities["name"], probabilities["datatype"], probabilities["shape"]) == (
        "probabilities",
        "FP32",
        [3, 10],
    )
    assert (label["name"], label["datatype"], label["shape"]) == ("label", "BYTES", [3])
    for place, expected in enumerate(predicted(client, PIXELS)):
        row = probabilities["data"][10 * place : 10 * place + 10]
        assert row == pytest.approx([expected[name] for name in "0123456789"], abs=1e-6)
        assert label["data"][place] == max(expected, key=expected.get)  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [[0], [0, 10**9, 10**9, 10**9], [10**9] * 8, [1, 1, 28, 28, 0], [10_001, 1, 28, 28]])
@pytest.mark.parametrize("content", [{"data": []}, {"parameters": {"binary_data_size": 0}}])
def test_any_numbers_may_stand_in_a_shape(client: TestClient, shape: list[int], content: dict[str, Any]) -> None:
    described = {"name": "input", "datatype": "FP32", "shape": shape} | content
    refused = infer(client, {"inputs": [described]})
    assert (refused.status_code, refused.json()["code"]) == (422, "tensor_shape")


def test_the_json_before_tensors_has_the_limit_of_json(client: TestClient) -> None:
    head = json.dumps({"inputs": [tensor(PIXELS)]}).encode().ljust(JSON_BYTES + 1)
    refused = client.post("/v2/models/inferred/infer", content=head, headers={HEADER: str(len(head))})
    assert (refused.status_code, refused.json()["code"]) == (413, "inference_json_too_large")
    binary = np.zeros((3000, 784), np.uint8).tobytes()
    described = {"name": "input", "datatype": "UINT8", "shape": [3000, 1, 28, 28]}
    head = json.dumps({"inputs": [described | {"parameters": {"binary_data_size": len(binary)}}]}).encode()
    assert len(head + binary) > JSON_BYTES
    taken = client.post("/v2/models/inferred/infer", content=head + binary, headers={HEADER: str(len(head))})
    assert taken.status_code == 200


@pytest.mark.parametrize("datatype", sorted(set(DATATYPES) - {"BOOL"}))
def test_every_type_of_numbers_is_taken_as_json_and_as_bytes(client: TestClient, datatype: str) -> None:
    small = PIXELS // 2  # fits into INT8
    expected = infer(client, {"inputs": [tensor(small)]}).json()["outputs"]
    assert infer(client, {"inputs": [tensor(small, datatype)]}).json()["outputs"] == expected
    binary = small.astype(DATATYPES[datatype]).tobytes()
    described = tensor(small, datatype, parameters={"binary_data_size": len(binary)})
    del described["data"]
    head = json.dumps({"inputs": [described]}).encode()
    sent = client.post("/v2/models/inferred/infer", content=head + binary, headers={HEADER: str(len(head))})
    assert sent.status_code == 200 and sent.json()["outputs"] == expected


def test_outputs_are_those_that_were_asked_for_as_json_or_as_bytes(client: TestClient) -> None:
    outputs = [{"name": "label", "parameters": {"binary_data": True}}, {"name": "probabilities"}]
    answer = infer(client, {"inputs": [tensor(PIXELS[:1])], "outputs": outputs})
    length = int(answer.headers[HEADER])
    label, probabilities = json.loads(answer.content[:length])["outputs"]
    behind = answer.content[length:]
    assert label["parameters"] == {"binary_data_size": len(behind)} and "data" not in label
    (size,) = struct.unpack("<I", behind[:4])
    best = "0123456789"[int(np.argmax(probabilities["data"]))]
    assert behind[4 : 4 + size].decode() == best


def test_a_table_gives_values_in_the_units_of_the_target(client: TestClient) -> None:
    rows = np.linspace(-0.1, 0.1, 20, dtype=np.float32).reshape(2, 10)
    (value,) = infer(client, {"inputs": [tensor(rows, "FP32")]}, "run_of_a_table").json()["outputs"]
    expected = client.post("/predict?run=run_of_a_table", json={"instances": rows.tolist()}).json()["predictions"]
    assert value["data"] == pytest.approx([item["value"] for item in expected], rel=1e-6)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"inputs": [tensor(PIXELS, name="x")]}, "no_such_tensor"),
        ({"inputs": [tensor(PIXELS), tensor(PIXELS)]}, "no_such_tensor"),
        ({"inputs": [tensor(PIXELS)], "outputs": [{"name": "logits"}]}, "no_such_tensor"),
        ({"inputs": [tensor(PIXELS, "TEXT")]}, "tensor_datatype"),
        ({"inputs": [tensor(PIXELS[:, :, :27])]}, "tensor_shape"),
        ({"inputs": [tensor(PIXELS[:0], shape=[0, 1, 28, 28])]}, "tensor_shape"),
        ({"inputs": [tensor(PIXELS, shape=[2, 1, 28, 28])]}, "tensor_size"),
        ({"inputs": [tensor(PIXELS, data=["a"] * 3 * 784)]}, "tensor_not_numbers"),
        ({"inputs": [tensor(PIXELS, data=[[[[[[1]]]]]])]}, "tensor_not_numbers"),
        ({"inputs": [tensor(PIXELS, data=[256] * 3 * 784)]}, "tensor_out_of_range"),
        ({"inputs": [tensor(PIXELS, "FP32", data=[1e39] * 3 * 784)]}, "instance_not_finite"),
        ({"inputs": [tensor(PIXELS, data=None)]}, "tensor_without_data"),
        ({"inputs": [tensor(PIXELS, parameters={"binary_data_size": 5})]}, "tensor_without_data"),
        ({"inputs": [tensor(PIXELS)], "parameters": {"timeout": -1}}, "inference_timeout"),
        ({"inputs": [tensor(PIXELS)], "parameters": {"priority": 1.5}}, "inference_priority"),
        ({"inputs": []}, "too_short"),
        ({}, "missing"),
    ],
)
def test_a_request_that_cannot_be_is_refused(client: TestClient, body: Any, code: str) -> None:
    refused = infer(client, body)
    assert (refused.status_code, refused.json()["code"]) == (422, code)
    assert refused.json()["error"] == refused.json()["detail"], "where clients of the protocol look"


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"inputs": []}, "/inputs"),
        ({"inputs": [tensor(PIXELS, shape=[])]}, "/inputs/0/shape"),
        ({"inputs": [{"name": "input"}, tensor(PIXELS, shape="x")]}, "/inputs/1/shape"),
    ],
)
def test_a_field_that_is_wrong_is_named_with_its_place(client: TestClient, body: Any, pointer: str) -> None:
    assert pointer in [error["pointer"] for error in infer(client, body).json()["errors"]]


@pytest.mark.parametrize(
    ("content", "length", "code"),
    [(b"{}", "9", "json_length_malformed"), (b"{}", "x", "json_length_malformed"), (b"{", None, "inference_not_json")],
)
def test_a_body_that_is_not_as_its_header_says_is_refused(
    client: TestClient, content: bytes, length: str | None, code: str
) -> None:
    headers = {} if length is None else {HEADER: length}
    refused = client.post("/v2/models/inferred/infer", content=content, headers=headers)
    assert refused.status_code in (400, 422) and refused.json()["code"] == code


def test_bytes_must_be_as_many_as_the_tensors_need(client: TestClient) -> None:
    described = tensor(PIXELS, parameters={"binary_data_size": 7})
    del described["data"]
    head = json.dumps({"inputs": [described]}).encode()
    for behind, code in ((b"1234567", "tensor_bytes"), (b"1", "tensor_without_data")):
        refused = client.post("/v2/models/inferred/infer", content=head + behind, headers={HEADER: str(len(head))})
        assert (refused.status_code, refused.json()["code"]) == (422, code)
    head = json.dumps({"inputs": [tensor(PIXELS)]}).encode()
    refused = client.post("/v2/models/inferred/infer", content=head + b"1", headers={HEADER: str(len(head))})
    assert (refused.status_code, refused.json()["code"]) == (422, "bytes_left_over")


def test_a_version_is_served_while_the_name_points_elsewhere(client: TestClient) -> None:
    serve(client, "run_inferred_later")
    client.put("/models/versioned", json={"run": "run_inferred"})
    client.put("/models/versioned", json={"run": "run_inferred_later"})
    assert client.get("/v2/models/versioned").json()["versions"] == ["1", "2"]
    for version, run in ((1, "run_inferred"), (2, "run_inferred_later")):
        path = f"/v2/models/versioned/versions/{version}"
        answer = client.post(f"{path}/infer", json={"inputs": [tensor(PIXELS)]}).json()
        assert (answer["model_version"], answer["parameters"]["run"]) == (str(version), run)
        assert client.get(f"{path}/ready").status_code == 200
    missing = client.get("/v2/models/versioned/versions/3")
    assert (missing.status_code, missing.json()["code"]) == (404, "no_such_model_version")


def test_an_answer_that_is_late_is_refused(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    never = asyncio.Event()

    async def wait(*_: Any) -> Any:
        await never.wait()

    monkeypatch.setattr(client.app.state.predictions.models, "get", wait)  # type: ignore[attr-defined]
    body = {"inputs": [tensor(PIXELS)], "parameters": {"timeout": 1000}}
    refused = infer(client, body)
    assert (refused.status_code, refused.json()["code"]) == (504, "deadline_exceeded")


@pytest.fixture(scope="module")
def model(address: str) -> str:
    """A model on the shared service."""
    with httpx.Client(base_url=f"http://{address}") as service:
        run = service.post("/runs", json=SMALL).json()["id"]
        while service.get(f"/runs/{run}", params={"wait": 60}, timeout=90).json()["status"] != "succeeded":
            pass
        assert service.put("/models/triton", json={"run": run}).status_code == 200
    return "triton"


def test_the_client_of_triton_reads_the_metadata_and_predicts(address: str, model: str) -> None:
    with triton.InferenceServerClient(address) as client:
        assert client.is_server_live() and client.is_server_ready()
        assert client.is_model_ready(model) and client.is_model_ready(model, "1")
        assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
        metadata = client.get_model_metadata(model)
        assert metadata["inputs"] == [{"name": "input", "datatype": "UINT8", "shape": [-1, 1, 28, 28]}]
        answers = []
        for binary in (True, False):
            tensor = triton.InferInput("input", list(PIXELS.shape), "UINT8")
            tensor.set_data_from_numpy(PIXELS, binary_data=binary)
            wanted = [triton.InferRequestedOutput(name, binary_data=binary) for name in ("probabilities", "label")]
            answers.append(client.infer(model, [tensor], outputs=wanted, timeout=5_000_000, priority=1))
        answers.append(client.infer(model, [tensor], model_version="1"))
        for answer in answers:
            probabilities, labels = answer.as_numpy("probabilities"), answer.as_numpy("label")
            assert probabilities.shape == (3, 10) and np.array_equal(
                probabilities, answers[0].as_numpy("probabilities")
            )
            best = probabilities.argmax(1).astype(str).tolist()
            assert [text.decode() if isinstance(text, bytes) else text for text in labels] == best


def test_the_client_of_triton_shows_what_is_wrong(address: str, model: str) -> None:
    with triton.InferenceServerClient(address) as client:
        assert not client.is_model_ready("none")
        tensor = triton.InferInput("input", [1, 1, 28, 27], "UINT8")
        tensor.set_data_from_numpy(PIXELS[:1, :, :, :27])
        with pytest.raises(InferenceServerException, match=r"give \[n, 1, 28, 28\]"):
            client.infer(model, [tensor])
        with pytest.raises(InferenceServerException, match="no model is called"):
            client.get_model_metadata("none")


def test_a_split_a_shadow_and_a_log_are_those_of_predict(client: TestClient) -> None:
    for run in ("run_split_one", "run_split_two"):
        serve(client, run)
    halves = {"run_split_one": 0.5, "run_split_two": 0.5}
    body = {"runs": halves, "shadow": {"run": "run_split_one"}, "log": 1.0}
    assert client.put("/models/split", json=body).status_code == 200
    runs = {}
    for text in map(str, range(20)):
        answer = infer(client, {"inputs": [tensor(PIXELS)], "parameters": {"sticky": text}}, "split").json()
        runs[text] = answer["parameters"]["run"]
        assert len(answer["parameters"]["logged"].split()) == len(PIXELS)
        predicted_by = client.post(
            "/predict", params={"model": "split", "sticky": text}, json={"instances": [[0] * 784]}
        )
        assert predicted_by.json()["run"] == runs[text]
    assert set(runs.values()) == set(halves)
    while client.get("/models/split/shadow").json()["compared"] < len(PIXELS):
        time.sleep(0.05)
    while client.get("/models/split/feedback").json()["logged"] < 20 * len(PIXELS):
        time.sleep(0.05)
