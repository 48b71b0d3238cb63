"""Every error as an RFC 9457 problem, made in one place; nothing of a request is ever echoed unescaped."""

import json
import logging
from collections.abc import Mapping, Sequence
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from sqlalchemy.exc import OperationalError
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.routing import Match, Mount
from starlette.types import Scope

from app.datasets.errors import SplitImpossible
from app.errors import (
    AppError,
    FieldError,
    Internal,
    Invalid,
    Malformed,
    MethodNotAllowed,
    NotFound,
    NotReady,
    TooLarge,
    Unauthorized,
    UnsupportedMediaType,
)
from app.learning.errors import InvalidChoice
from app.runs.request_model import FieldsInvalid
from app.suggestions import nearest

log = logging.getLogger("antigrad.api")


class FieldProblem(BaseModel):
    pointer: str = Field(description="JSON pointer to the wrong field", examples=["/optimizer/lr"])
    detail: str = Field(description="what would be right", examples=["input should be greater than 0"])


class Problem(BaseModel):
    """An error, as RFC 9457 says (application/problem+json)."""

    type: str = Field(examples=["/problems/Invalid"])
    title: str = Field(examples=["Invalid request"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["/optimizer/lr: input should be greater than 0"])
    instance: str = Field(examples=["/runs"])
    errors: list[FieldProblem] = []


def problems(*errors: type[AppError]) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of a route: what it can refuse, from the error classes themselves."""
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {error.status: {"description": error.__doc__ or error.title, "content": content} for error in errors}


def binary(*media_types: str) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of a route that answers with a file or a stream."""
    schema = {"schema": {"type": "string", "format": "binary"}}
    return {200: {"content": {media_type: schema for media_type in media_types}}}


def as_response(request: Request, error: AppError, headers: Mapping[str, str] | None = None) -> Response:
    """The problem that an error is."""
    body = {
        "type": f"/problems/{type(error).__name__}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "instance": request.url.path,
        "errors": [{"pointer": field.pointer, "detail": field.detail} for field in error.errors],
    }
    return Response(_printable(body), error.status, headers, media_type="application/problem+json")


def _printable(body: dict[str, Any]) -> str:
    """JSON with every unprintable character escaped: lone surrogates, which UTF-8 cannot encode, and characters that
    would control a terminal or the direction of the text."""
    text = json.dumps(body, ensure_ascii=False)
    return "".join(letter if letter.isprintable() else json.dumps(letter)[1:-1] for letter in text)


def register(app: FastAPI, locked: bool) -> None:
    """Translate all errors of the app, and describe them in its document, with the key where it is `locked`."""
    generate = app.openapi
    app.openapi = lambda: app.openapi_schema or describe(generate(), locked)  # type: ignore[method-assign]

    @app.exception_handler(AppError)
    def app_error(request: Request, error: AppError) -> Response:
        return as_response(request, error)

    @app.exception_handler(InvalidChoice)
    def invalid_choice(request: Request, error: InvalidChoice) -> Response:
        return as_response(request, Invalid(error.detail, [FieldError(error.pointer, error.detail)]))

    @app.exception_handler(SplitImpossible)
    def split_impossible(request: Request, error: SplitImpossible) -> Response:
        return as_response(request, Invalid(str(error), [FieldError("/split", str(error))]))

    @app.exception_handler(FieldsInvalid)
    def fields(request: Request, error: FieldsInvalid) -> Response:
        return _validation_response(request, error.errors, error.body)

    @app.exception_handler(RequestValidationError)
    def validation(request: Request, error: RequestValidationError) -> Response:
        if isinstance(error.body, bytes):  # FastAPI reads as JSON only what says that it is
            kind = request.headers.get("Content-Type") or "missing"
            detail = (
                f"the Content-Type is {kind[:100]}; this address reads JSON: add -H 'Content-Type: application/json'"
            )
            return as_response(request, UnsupportedMediaType(detail))
        return _validation_response(request, error.errors(), error.body)

    @app.exception_handler(HTTPException)
    def http(request: Request, error: HTTPException) -> Response:
        known: AppError = NotFound("there is nothing here; /docs lists what there is")
        if error.status_code == 413:
            known = TooLarge(str(error.detail))
        elif error.status_code == 405:
            allowed = ", ".join(methods_at(app, request.scope))
            known = MethodNotAllowed(f"{request.method} is not for this address; it takes {allowed}")
            return as_response(request, known, {"Allow": allowed})
        elif error.status_code != 404:
            known = Malformed(str(error.detail))
        return as_response(request, known, error.headers)

    @app.exception_handler(Exception)
    def broke_down(request: Request, error: Exception) -> Response:
        log.error("%s %s broke down", request.method, request.url.path, exc_info=error)
        return as_response(request, Internal("the service has a fault; its log says which"))

    @app.exception_handler(OSError)
    def files_away(request: Request, error: OSError) -> Response:
        log.error("the files cannot be read or written: %s", error)
        away = NotReady(f"the files cannot be read or written now: {error.strerror or error}; try again in a moment")
        return as_response(request, away, {"Retry-After": "2"})

    @app.exception_handler(OperationalError)
    def database_away(request: Request, error: OperationalError) -> Response:
        log.error("the database does not answer: %s", error.orig)
        away = NotReady("the database does not answer; nothing was changed, try again in a moment")
        return as_response(request, away, {"Retry-After": "2"})


def _validation_response(request: Request, errors: Sequence[Any], body: Any) -> Response:
    """The problem for pydantic's validation errors."""
    fields = _each_once([_field_error(item, body) for item in errors])
    detail = "; ".join(f"{item.pointer or 'the body'}: {item.detail}" for item in fields[:5])
    broken_json = any(item["type"] == "json_invalid" for item in errors)
    return as_response(request, (Malformed if broken_json else Invalid)(detail, fields))


def describe(document: dict[str, Any], locked: bool) -> dict[str, Any]:
    """Add to the OpenAPI document the models of problems, which no route names as its answer, the problems that may
    come from any route, and where the service is `locked` its key."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            anywhere = (Invalid, Internal) if path == "/healthz" else (Invalid, Unauthorized, NotReady, Internal)
            with_body = (TooLarge, UnsupportedMediaType) if method in ("post", "put") else ()
            for status, answer in problems(*anywhere, *with_body).items():
                operation["responses"].setdefault(str(status), answer)
    if locked:
        document["components"]["securitySchemes"] = {"key": {"type": "http", "scheme": "bearer"}}
        document["security"] = [{"key": []}]
        document["paths"]["/healthz"]["get"]["security"] = []
    models = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    inner = models.pop("$defs")
    document["components"]["schemas"] |= inner | {"Problem": models}
    return document


def methods_at(app: FastAPI, scope: Scope) -> list[str]:
    """Methods of an address, over all of its routes; Starlette names those of the first route only. Mounted files match
    any address, and are left out."""
    routes = [route for route in app.routes if not isinstance(route, Mount)]
    return [
        method
        for method in ("DELETE", "GET", "HEAD", "POST", "PUT")
        if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in routes)
    ] or ["GET", "HEAD"]


def _pointer(where: tuple[str | int, ...], body: Any, missing: bool) -> str:
    """A JSON pointer into the body that was sent. Pydantic's path also names the branch of a union, which is not part
    of the body.

    A branch may have the name of a field: the optimizer `momentum` has a field `momentum`.
    """
    pointer, node = "", body
    for place, part in enumerate(where):
        inside = (isinstance(node, dict) and part in node) or (
            isinstance(node, list) and isinstance(part, int) and part < len(node)
        )
        if 0 < place < len(where) - 1 and isinstance(node, dict) and part in (node.get("name"), node.get("type")):
            inside = False  # the branch: it says of itself that it is so called
        if inside:
            node = node[part]
        if inside or (missing and place == len(where) - 1):
            pointer += f"/{part}"
    return pointer


def _field_error(item: dict[str, Any], body: Any) -> FieldError:
    """Pydantic's error as a pointer and a sentence that says what would be right."""
    source, *where = item["loc"]
    pointer = _pointer(tuple(where), body, item["type"] == "missing") if source == "body" else f"{where[0]}"
    detail = str(item["msg"])
    context = item.get("ctx", {})
    match item["type"]:
        case "union_tag_invalid":
            detail = f"{context['tag']!r} is none of {context['expected_tags']}"
            expected = [name.strip("' ") for name in context["expected_tags"].split(",")]
            detail += nearest(str(context["tag"]), expected)
        case "union_tag_not_found":
            field = context["discriminator"].strip("'()")
            detail = f"an object is wanted whose field {field!r} says which one it is: {{{json.dumps(field)}: …}}"
        case "value_error":
            detail = str(context["error"])
            pointer += context["error"].pointer if isinstance(context["error"], InvalidChoice) else ""
        case "literal_error":
            expected = [name.strip("' ") for name in context["expected"].replace(" or ", ",").split(",")]
            detail += nearest(str(item["input"])[:100], expected)
        case "model_attributes_type":  # of the layers, which pydantic itself tells apart
            detail = 'an object is wanted whose field "type" says which one it is, such as {"type": "relu"}'
        case "float_type" | "int_type" if isinstance(item["input"], str):
            detail = "a number is wanted, and this is text: write it without quotes"
        case "too_short":
            detail = f"give at least {context['min_length']}"
        case "json_invalid":
            detail = f"the body is not JSON: {context.get('error', 'it cannot be parsed')}"
    return FieldError(pointer, detail)


def _each_once(found: list[FieldError]) -> list[FieldError]:
    """One sentence a field, where each kind of thing that it may be has its own."""
    details: dict[str, list[str]] = {}
    for item in found:
        details.setdefault(item.pointer, []).append(item.detail)
    return [FieldError(pointer, ", or: ".join(all_of_it)) for pointer, all_of_it in details.items()]


def no_such_part(form: FormData, wanted: str, file: str) -> Invalid:
    """The refusal of a multipart body whose part `wanted` is missing or holds no file."""
    if wanted in form:
        said = f"the part {wanted} holds text, not a file; put an @ before the file's name"
    else:
        there = ", ".join(repr(name) for name in form) or "none"
        said = f"no part is called {wanted}, there is {there}; send one"
    detail = f"{said}: curl -F {wanted}=@{file}"
    return Invalid(detail, [FieldError(f"/{wanted}", detail)])
