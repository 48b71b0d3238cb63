"""The OpenAPI document can be read by people and used by generators: everything is named, described and shown."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from fastapi.testclient import TestClient

from app.api.openapi import operations
from app.api.schemas.bodies import UploadParts
from app.datasets.formats.content import ROLES

JSON = "application/json"
Document = dict[str, Any]


@pytest.fixture(scope="module")
def document(quick_client: TestClient) -> Document:
    found: Document = quick_client.get("/openapi.json").json()
    return found


def bodies(document: Document) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each request body, and each JSON body of an answer."""
    for _, _, operation in operations(document):
        name = operation["operationId"]
        for kind, content in operation.get("requestBody", {}).get("content", {}).items():
            yield f"{name} {kind}", content
        for status, answer in operation["responses"].items():
            if JSON in answer.get("content", {}):
                yield f"{name} {status}", answer["content"][JSON]


def test_operations_have_short_names_of_their_own(document: Document) -> None:
    names = Counter(operation["operationId"] for _, _, operation in operations(document))
    assert set(names.values()) == {1}
    assert {"create_run", "list_runs", "get_run", "predict", "upload_dataset"} <= set(names)
    assert [name for name in names if not re.fullmatch(r"[a-z]+(_[a-z]+){0,3}", name)] == []


def test_models_have_names_of_their_own(document: Document) -> None:
    """Two models of one name get their modules' names in front, which generators of clients do not take."""
    assert [name for name in document["components"]["schemas"] if "__" in name] == []


def test_nothing_lacks_a_description(document: Document) -> None:
    lacking = [operation["operationId"] for _, _, operation in operations(document) if not operation.get("description")]
    for _, _, operation in operations(document):
        lacking += [
            f"{operation['operationId']} {parameter['name']}"
            for parameter in operation.get("parameters", [])
            if not parameter.get("description")
        ]
    for model, schema in document["components"]["schemas"].items():
        fields = schema.get("properties", {})
        lacking += [f"{model}.{name}" for name, field in fields.items() if not field.get("description")]
    assert lacking == []


def test_each_body_has_an_example_that_it_allows(document: Document) -> None:
    lacking = []
    for name, content in bodies(document):
        schema = content["schema"] | {"components": document["components"]}
        if not {"example", "examples"} & content.keys():
            lacking.append(name)
        if "example" in content:
            jsonschema.validate(content["example"], schema)
        for example in content.get("examples", {}).values():
            jsonschema.validate(example["value"], schema)
    assert lacking == []


def test_choices_of_parameters_have_names(document: Document) -> None:
    nameless = Counter(
        parameter["name"]
        for _, _, operation in operations(document)
        for parameter in operation.get("parameters", [])
        if "enum" in parameter["schema"]
    )
    assert [name for name, count in nameless.items() if count > 1] == []  # generators would make a type for each


def test_the_parts_of_an_upload_are_those_that_are_read() -> None:
    assert tuple(UploadParts.model_fields) == ROLES


def test_links_lead_from_a_resource_to_its_operations(document: Document) -> None:
    by_name = {operation["operationId"]: operation for _, _, operation in operations(document)}
    answer = by_name["create_run"]["responses"]["202"]
    assert {"get_run", "cancel_run", "get_curve", "predict"} <= set(answer["links"])
    for link in document["components"]["links"].values():
        taken = {parameter["name"] for parameter in by_name[link["operationId"]]["parameters"]}
        assert set(link["parameters"]) <= taken


def test_answers_that_ask_for_patience_say_how_long(document: Document) -> None:
    for _, _, operation in operations(document):
        for status in {"429", "503"} & operation["responses"].keys():
            assert "Retry-After" in operation["responses"][status]["headers"], operation["operationId"]
