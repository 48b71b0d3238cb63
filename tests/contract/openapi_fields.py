"""The fields of an OpenAPI document as flat text, to compare two versions of a service."""

from collections.abc import Iterator
from typing import Any

METHODS = ("get", "post", "put", "patch", "delete")
PROBLEM = "application/problem+json"


def fields_of(document: dict[str, Any]) -> dict[str, list[str]]:
    """The parameters, request fields and response fields of each operation ("POST /runs"), sorted."""
    return {
        f"{method.upper()} {path}": sorted(set(_operation(document, item[method])))
        for path, item in document["paths"].items()
        for method in METHODS
        if method in item
    }


def _operation(document: dict[str, Any], operation: dict[str, Any]) -> Iterator[str]:
    for parameter in operation.get("parameters", []):
        yield f"{parameter['in']} {parameter['name']}"
    for media_type, content in operation.get("requestBody", {}).get("content", {}).items():
        yield f"request {media_type}"
        for path in _paths(document, content.get("schema", {})):
            yield f"request {media_type} {path}"
    for status, response in operation["responses"].items():
        for media_type, content in response.get("content", {"": {}}).items():
            yield f"response {status} {media_type}".rstrip()
            if media_type == PROBLEM:  # all problems have the same model
                continue
            for path in _paths(document, content.get("schema", {})):
                yield f"response {status} {media_type} {path}"


def _paths(document: dict[str, Any], schema: dict[str, Any], seen: tuple[str, ...] = ()) -> Iterator[str]:
    """JSON paths of a schema's fields, in every branch of a union; a recursive schema is followed once."""
    if "$ref" in schema:
        name = schema["$ref"].rpartition("/")[2]
        if name not in seen:
            yield from _paths(document, document["components"]["schemas"][name], (*seen, name))
        return
    for branch in (*schema.get("anyOf", ()), *schema.get("oneOf", ()), *schema.get("allOf", ())):
        yield from _paths(document, branch, seen)
    for name, field in schema.get("properties", {}).items():
        yield f"/{name}"
        yield from (f"/{name}{path}" for path in _paths(document, field, seen))
    for inner in (schema.get("items"), schema.get("additionalProperties")):
        if isinstance(inner, dict):
            yield from (f"/*{path}" for path in _paths(document, inner, seen))
