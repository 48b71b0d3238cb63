"""The HTTP contract of an earlier version still holds, so older clients keep working."""

import json
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from tests.contract.openapi_fields import fields_of

EARLIER = json.loads(Path(__file__).with_name("openapi-0.1.0.json").read_text())


@pytest.fixture(scope="module")
def document(quick_client: TestClient) -> dict[str, list[str]]:
    return fields_of(quick_client.get("/openapi.json").json())


@pytest.mark.parametrize("operation", EARLIER)
def test_an_operation_keeps_its_parameters_and_fields(operation: str, document: dict[str, list[str]]) -> None:
    assert operation in document
    assert not set(EARLIER[operation]) - set(document[operation])


def test_a_field_that_goes_is_missed(document: dict[str, list[str]]) -> None:
    assert "response 200 application/json /metrics" in EARLIER["GET /runs/{id}"]
    assert "request application/json /optimizer/lr" in EARLIER["POST /runs"]
