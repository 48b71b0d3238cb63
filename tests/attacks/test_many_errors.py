"""A request with very many errors gets a short answer, and does not keep other requests waiting.

What stays available: the event loop. The search for similar names takes most of the time of a refusal, so the tests
count it.
"""

import json
from collections.abc import Iterator
from typing import Any
from unittest.mock import Mock, patch

import pytest
from fastapi.testclient import TestClient

from app.api.openapi import operations
from app.runs import request_model
from app.suggestions import closest

MOST_BYTES = 64 * 1024
KEYS = {f"k{number}": 1 for number in range(100_000)}  # as many as fit into a body
LONG = "n" * 1_500_000
WEIGHTS = {"name": "cross_entropy"}
MOST_EXPLAINED = 3 * 1000  # errors of as many layers as there may be, in three models within one another
BODIES: dict[str, tuple[Any, int]] = {  # with the number of errors that are counted without an explanation
    "many keys": ({"dataset": "digits"} | KEYS, 100_000 - 20),
    "many keys of a nested object": ({"dataset": "digits", "stop": KEYS}, 100_000 - 20),
    "many tags": ({"dataset": "digits", "tags": {name: "x" for name in KEYS}}, 0),
    "many layers": ({"dataset": "digits", "model": {"layers": [{"type": "relu", "unit": 1}] * 60_000}}, 0),
    "a layer's errors, as often as there may be layers": (
        {"dataset": "digits", "model": {"layers": [{"type": "relu", f"unit_{number}": 1} for number in range(1000)]}},
        1000 - 20,
    ),
    "wrong tags": ({"dataset": "digits", "tags": KEYS}, 0),
    "tags with control characters": ({"dataset": "digits", "tags": {f"\x1b{name}": "x" for name in KEYS}}, 0),
    "more weights than classes": ({"dataset": "digits", "loss": WEIGHTS | {"class_weights": ["x"] * 400_000}}, 0),
    "weights": ({"dataset": "digits", "loss": WEIGHTS | {"class_weights": ["x"] * 100_000}}, 0),
    "a long name": ({"dataset": "digits", LONG: 1}, 0),
    "a long name of a layer's field": ({"dataset": "digits", "model": {"layers": [{"type": "relu", LONG: 1}]}}, 0),
    "a long value": ({"dataset": "digits", "optimizer": LONG}, 0),
}


@pytest.fixture
def searches() -> Iterator[Mock]:
    """The searches for similar names."""
    counted = Mock(side_effect=closest)
    with (
        patch("app.runs.request_model.closest", counted),
        patch("app.runs.validation.closest", counted),
        patch("app.api.query.closest", counted),
    ):
        yield counted


@pytest.fixture
def explained() -> Iterator[Mock]:
    """The errors that validation has found."""
    counted = Mock(side_effect=request_model._explained)
    with patch("app.runs.request_model._explained", counted):
        yield counted


@pytest.mark.parametrize("name", BODIES)
def test_a_body_with_many_errors_is_refused_shortly(
    quick_client: TestClient, searches: Mock, explained: Mock, name: str
) -> None:
    body, counted = BODIES[name]
    answer = quick_client.post("/runs", content=json.dumps(body), headers={"Content-Type": "application/json"})
    assert answer.status_code == 422 and len(answer.content) < MOST_BYTES
    problem = answer.json()
    assert 1 <= len(problem["errors"]) <= 20 and problem["more"] == counted
    assert searches.call_count <= 120  # two for each error that is explained
    assert explained.call_count <= MOST_EXPLAINED
    assert all(len(error["pointer"]) <= 200 for error in problem["errors"])


def collections(schema: Any, document: dict[str, Any], seen: frozenset[str] = frozenset()) -> Iterator[dict[str, Any]]:
    """Lists, and objects of any keys, of a schema of the document."""
    if isinstance(schema, list):
        for part in schema:
            yield from collections(part, document, seen)
    elif isinstance(schema, dict):
        if (name := schema.get("$ref")) and name not in seen:
            yield from collections(document["components"]["schemas"][name.split("/")[-1]], document, seen | {name})
        if schema.get("type") == "array" or isinstance(schema.get("additionalProperties"), dict):
            yield schema
        for key, part in schema.items():
            if key not in ("examples", "default", "enum"):
                yield from collections(part, document, seen)


def test_each_list_and_object_of_a_body_has_a_greatest_length(quick_client: TestClient) -> None:
    document = quick_client.get("/openapi.json").json()
    unbounded = set()
    for path, method, operation in operations(document):
        schema = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
        if path == "/predict":  # its inputs are read without models
            continue
        for found in collections(schema, document):
            is_any = found.get("items") == {}  # no item can be wrong
            if not is_any and not {"maxItems", "maxProperties"} & found.keys():
                unbounded.add((method, path, json.dumps(found)[:100]))
    assert unbounded == set()


def test_an_address_with_many_parameters_is_refused_shortly(quick_client: TestClient, searches: Mock) -> None:
    answer = quick_client.get("/runs", params={f"u{number}": "" for number in range(5000)} | {LONG[:9000]: ""})
    assert answer.status_code == 422 and len(answer.content) < MOST_BYTES
    problem = answer.json()
    assert len(problem["errors"]) == 20 and problem["more"] == 5001 - 20
    assert searches.call_count <= 20


def test_few_errors_are_all_explained(quick_client: TestClient) -> None:
    answer = quick_client.post("/runs", json={"dataset": "digits"} | dict.fromkeys("abcdefghij", 1))
    assert [error["pointer"] for error in answer.json()["errors"]] == [f"/{name}" for name in "abcdefghij"]
    assert answer.json()["more"] == 0
