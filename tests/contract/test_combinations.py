"""Combinations of fields: the service takes those that the OpenAPI document allows."""

from typing import Any

import jsonschema
import pytest
from fastapi.testclient import TestClient

from tests.support.runs import SMALL

LAYERS = [{"type": "linear", "units": 8}]
RUNS: list[tuple[dict[str, Any], bool]] = [
    ({"model": {"layers": LAYERS}}, True),
    ({"model": {"preset": "linear"}}, True),
    ({"model": {"layers": LAYERS, "preset": None}}, True),
    ({"model": {"layers": LAYERS, "preset": "linear"}}, False),
    ({"split": {"folds": 4, "fold": 3}}, True),
    ({"split": {"folds": None, "test": 0.2, "own": False}}, True),
    ({"split": {"folds": 4, "test": 0.2}}, False),
    ({"split": {"folds": 4, "own": True}}, False),
    ({"split": {"own": True, "test": 0.2}}, False),
    ({"split": {"fold": 1}}, False),
    ({"split": {"fold": 0}}, True),
    ({"split": {"test": 100, "validation": 0.1}}, True),
    ({"split": {"test": 100.5}}, False),
    ({"augment": {"shift": 0.1}}, True),
    ({"augment": {"shift": 0, "noise": 0.0}}, False),
    ({"augment": {}}, False),
    ({"stop": {"max_epochs": None, "max_seconds": 5}}, True),
    ({"stop": {"max_epochs": None, "max_steps": None}}, False),
    ({"stop": {"max_epochs": None}}, False),
    ({"stop": {"max_steps": None}}, True),
    ({"optimizer": {"name": "momentum", "nesterov": True}}, True),
    ({"optimizer": {"name": "momentum", "nesterov": True, "dampening": 0.1}}, False),
    ({"optimizer": {"name": "momentum", "nesterov": True, "momentum": 0}}, False),
    ({"accumulate": 2, "batch_size": "full"}, False),
    ({"accumulate": 1, "batch_size": "full"}, True),
    ({"schedule": "cosine"}, True),
    ({"schedule": "step"}, False),
    ({"schedule": {"name": "step", "every": 5}}, True),
    ({"tags": {"course": "a:b"}}, True),
    ({"tags": {"course:a": "b"}}, False),
    ({"tags": {"antigrad.race": "b"}}, False),
    ({"name": "Übung 1"}, True),
    ({"name": "a\x1b[2J"}, False),
    ({"name": "a\u202eb"}, False),
    ({"seed": 2**63 - 1}, True),
    ({"seed": 2**63}, False),
]


@pytest.mark.parametrize(("wanted", "allowed"), RUNS, ids=str)
def test_a_run_is_taken_as_the_document_says(quick_client: TestClient, wanted: dict[str, Any], allowed: bool) -> None:
    body = {name: value for name, value in SMALL.items() if name != "split"} | wanted
    assert is_allowed(quick_client, "RunRequest", body) is allowed
    assert quick_client.post("/runs", json=body).status_code == (202 if allowed else 422)


@pytest.mark.parametrize("count", range(1, 9))
def test_the_steps_of_all_optimizers_are_bounded_as_the_document_says(quick_client: TestClient, count: int) -> None:
    most = min(10_000, 20_000 // count)
    for steps, allowed in ((most, True), (most + 1, False)):
        body = {"steps": steps, "optimizers": ["sgd"] * count}
        assert is_allowed(quick_client, "TrajectoryRequest", body) is allowed
        answer = quick_client.post("/optimizers/trajectory", json=body)
        assert answer.status_code == (200 if allowed else 422)


@pytest.mark.parametrize(
    ("path", "name", "value"),
    [
        ("/runs", "tag", "nocolon"),
        ("/runs", "tag", "a:b"),
        ("/runs", "tag", ":"),
        ("/datasets/digits/samples", "limit", "1"),
    ],
)
def test_a_query_is_taken_as_the_document_says(quick_client: TestClient, path: str, name: str, value: str) -> None:
    document = quick_client.get("/openapi.json").json()
    operation = document["paths"][path.replace("digits", "{id}")]["get"]
    (schema,) = (parameter["schema"] for parameter in operation["parameters"] if parameter["name"] == name)
    sent: Any = [value] if schema["type"] == "array" else int(value)
    allowed = jsonschema.Draft202012Validator(schema).is_valid(sent)
    assert quick_client.get(path, params={name: value}).status_code == (200 if allowed else 422)


def is_allowed(client: TestClient, model: str, body: Any) -> bool:
    document = client.get("/openapi.json").json()
    schema = {"$ref": f"#/components/schemas/{model}", "components": document["components"]}
    return jsonschema.Draft202012Validator(schema).is_valid(body)
