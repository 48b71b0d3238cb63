"""The OpenAPI document beyond what FastAPI derives from the routes: problems, named bodies, examples and links."""

from collections.abc import Callable, Iterator, Mapping
from operator import itemgetter
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from pydantic import TypeAdapter
from pydantic.json_schema import models_json_schema

from app.api.keyring import Keyring
from app.api.problems import PROBES, Problem, problems
from app.api.schemas.batches import BatchRequest
from app.api.schemas.bodies import Instances, Pictures, UploadParts
from app.api.schemas.events import PointsEvent, ProgressEvent, StatusEvent
from app.api.schemas.inference import InferRequest
from app.api.scopes import Requires, required_scope
from app.errors import (
    Forbidden,
    HeadersTooLarge,
    Internal,
    Invalid,
    Malformed,
    Misdirected,
    NotReady,
    TooLarge,
    TooManyRequests,
    TooSlow,
    Unauthorized,
    UnsupportedMediaType,
)

METHODS = ("get", "post", "put", "patch", "delete")
REF = "#/components/schemas/"
# Models that routes name by `openapi_extra` or `responses`.
NAMED = (Problem, BatchRequest, InferRequest, Instances, Pictures, UploadParts, StatusEvent, PointsEvent)
# By model of an answer: the address of the resource that it describes, and the fields with its parameters.
RESOURCES = {
    "RunAnswer": ("/runs/{id}", {"id": "id"}),
    "DatasetAnswer": ("/datasets/{id}", {"id": "id"}),
    "RaceAnswer": ("/optimizers/race/{id}", {"id": "id"}),
    "ModelAnswer": ("/models/{name}", {"name": "name"}),
    "ShareAnswer": ("/shares/{id}", {"id": "id"}),
    "SweepAnswer": ("/sweeps/{id}", {"id": "id"}),
    "ExperimentAnswer": ("/experiments/{name}/{id}", {"name": "name", "id": "id"}),
}
# Keywords that give an example, in the order of preference.
GIVEN: dict[str, Callable[[Any], Any]] = {
    "examples": itemgetter(0),
    "const": lambda value: value,
    "default": lambda value: value,
    "enum": itemgetter(0),
}
BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum")
SCALARS = ("string", "integer", "number", "boolean")
KEY = {"type": "http", "scheme": "bearer", "description": "a key with the scope that the operation names"}
WITHOUT_NUL = r"^[^\u0000]*$"
PREDICT = {"operationId": "predict", "parameters": {"run": "$response.body#/id"}}


def complete(app: FastAPI, keyring: Keyring) -> None:
    """Complete the app's document; while requests need a key, also with the scopes of the keys."""
    generate, scopes = app.openapi, scopes_of(app)
    documents: dict[bool, dict[str, Any]] = {}  # by whether a key is required

    def document() -> dict[str, Any]:
        required = keyring.latest.required
        if required not in documents:
            app.openapi_schema = None  # FastAPI keeps what it has generated, and here it is completed in place
            documents[required] = describe(generate(), scopes if required else {})
        return documents[required]

    app.openapi = document  # type: ignore[method-assign]


def scopes_of(app: FastAPI) -> dict[str, Requires]:
    """The scopes that the routes require, by operation id."""
    routes = (context.route for context in iter_route_contexts(app.routes))
    return {route.name: required_scope(route) for route in routes if isinstance(route, APIRoute)}


def describe(document: dict[str, Any], scopes: Mapping[str, Requires]) -> dict[str, Any]:
    """Add the problems that any route may answer with, scopes, models, examples and links."""
    _, models = models_json_schema([(model, "validation") for model in NAMED], ref_template=REF + "{model}")
    progress = TypeAdapter(ProgressEvent).json_schema(ref_template=REF + "{model}")  # a TypedDict
    document["components"]["schemas"] |= models["$defs"] | progress.pop("$defs") | {"ProgressEvent": progress}
    for path, method, operation in operations(document):
        for status, answer in problems(*_anywhere(path, method)).items():
            operation["responses"].setdefault(str(status), answer)
    if scopes:
        document["components"]["securitySchemes"] = {"key": KEY}
        document["security"] = [{"key": []}]
        for _, _, operation in operations(document):
            required = scopes[operation["operationId"]]
            if required.is_open:
                operation["security"] = []
            elif required.scope is not None:
                operation["security"] = [{"key": [required.scope.value]}]
    _describe_changes(document)
    _refine_parameters(document)
    _refine_schemas(document)
    _add_links(document)
    _add_examples(document)
    return document


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Path, method and description of each operation."""
    for path, item in document["paths"].items():
        for method in METHODS:
            if method in item:
                yield path, method, item[method]


def _anywhere(path: str, method: str) -> tuple[Any, ...]:
    """The errors that any operation of this path and method may answer with."""
    anywhere = (Invalid, Internal) if path == "/healthz" else (Invalid, Unauthorized, Forbidden, NotReady, Internal)
    with_body = (TooLarge, UnsupportedMediaType) if method in ("post", "put", "patch") else ()
    by_host = () if path in PROBES else (Malformed, Misdirected)
    by_server = (HeadersTooLarge, TooSlow, TooManyRequests)
    return (*anywhere, *with_body, *by_host, *by_server)


def _describe_changes(document: dict[str, Any]) -> None:
    """Say which fields a change of a request may have. Objects are merged with the request's, so any part may do."""
    models = document["components"]["schemas"]
    models["ResumeRequest"]["properties"]["stop"] |= {"$ref": REF + "StopRequest"}
    fields = models["RunRequest"]["properties"]
    models["RunChanges"] = {
        "type": "object",
        "description": "Fields of a run's request, with their new values. An object is merged with the request's.",
        "properties": {
            name: field for name, field in fields.items() if all(kind.get("type") in SCALARS for kind in _kinds(field))
        },
        "propertyNames": {"enum": list(fields)},
        "examples": [{"seed": 1}],
    }
    body = document["paths"]["/runs/{id}/again"]["post"]["requestBody"]
    body["content"]["application/json"] = {"schema": {"$ref": REF + "RunChanges"}}


def _refine_parameters(document: dict[str, Any]) -> None:
    """Leave null out: an address has no way to write it. Say that NUL is not allowed in texts."""
    for _, _, operation in operations(document):
        for parameter in operation.get("parameters", []):
            schema = parameter["schema"]
            if "anyOf" in schema:
                (kind,) = _kinds(schema)
                del schema["anyOf"]
                schema |= kind
            if schema.get("type") == "string" and not schema.keys() & {"enum", "pattern"}:
                schema["pattern"] = WITHOUT_NUL


def _kinds(schema: dict[str, Any]) -> list[dict[str, Any]]:
    """The alternatives of a schema but null, or the schema itself."""
    return [kind for kind in schema.get("anyOf", [schema]) if kind != {"type": "null"}]


def _refine_schemas(node: Any) -> None:
    """Write great bounds as integers: the shortest decimals of the float 2⁶³ are those of another number. Write the
    only word of an alternative as an enumeration: generated clients try no further alternative after a constant. Allow
    no other names than those of a pattern: pydantic leaves them open."""
    if isinstance(node, dict):
        if "patternProperties" in node:
            node["additionalProperties"] = False
        for name, value in node.items():
            if name in BOUNDS and isinstance(value, float) and abs(value) > 2**53:
                node[name] = int(value)
            if name == "anyOf":
                node[name] = [{"type": "string", "enum": [kind["const"]]} if _is_word(kind) else kind for kind in value]
            _refine_schemas(node[name])
    elif isinstance(node, list):
        for item in node:
            _refine_schemas(item)


def _is_word(kind: dict[str, Any]) -> bool:
    return isinstance(kind.get("const"), str)


def _add_links(document: dict[str, Any]) -> None:
    """Link each answer with a resource to the operations below the resource's address."""
    links: dict[str, dict[str, Any]] = {}
    for model, (prefix, fields) in RESOURCES.items():
        parameters = {parameter: f"$response.body#/{field}" for parameter, field in fields.items()}
        for path, _, operation in operations(document):
            if path == prefix or path.startswith(prefix + "/"):
                name = operation["operationId"]
                links.setdefault(model, {})[name] = {"operationId": name, "parameters": parameters}
    links["RunAnswer"]["predict"] = PREDICT
    document["components"]["links"] = {name: link for found in links.values() for name, link in found.items()}
    for _, _, operation in operations(document):
        for answer in operation["responses"].values():
            schema = answer.get("content", {}).get("application/json", {}).get("schema", {})
            model = schema.get("$ref", "").removeprefix(REF)
            if model in RESOURCES:
                answer["links"] = {name: {"$ref": f"#/components/links/{name}"} for name in links[model]}


def _add_examples(document: dict[str, Any]) -> None:
    """Give each JSON body an example, composed of those of its fields."""
    for _, _, operation in operations(document):
        for body in (operation.get("requestBody", {}), *operation["responses"].values()):
            content = body.get("content", {}).get("application/json")
            if content and "examples" not in content:
                content.setdefault("example", example(content["schema"], document["components"]["schemas"]))


def example(schema: dict[str, Any], models: dict[str, Any]) -> Any:
    """An example of a schema: its own, or one composed of those of its fields."""
    for keyword, first in GIVEN.items():
        if keyword in schema:
            return first(schema[keyword])
    if "$ref" in schema:
        return example(models[schema["$ref"].removeprefix(REF)], models)
    if inner := schema.get("anyOf", schema.get("oneOf")):
        return None if {"type": "null"} in inner else example(inner[0], models)
    kind = schema.get("type", "string")
    if kind == "object":
        return {name: example(field, models) for name, field in schema.get("properties", {}).items()}
    if kind == "array":
        items = schema.get("prefixItems") or [schema["items"]] * schema.get("minItems", 1)
        return [example(item, models) for item in items]
    return {"null": None, "boolean": False, "string": "text"}.get(kind, schema.get("minimum", 1))
