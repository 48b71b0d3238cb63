"""Conversion of every error to an RFC 9457 problem. Text from a request is always escaped."""

import json
import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from sqlalchemy.exc import OperationalError
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match, Mount
from starlette.types import Scope

from app.api.schemas.messages import FixAnswer
from app.api.validation import invalid_fields
from app.datasets.errors import SplitImpossible
from app.errors import (
    AppError,
    Forbidden,
    HeadersTooLarge,
    Internal,
    Invalid,
    Malformed,
    MethodNotAllowed,
    Misdirected,
    NotFound,
    NotReady,
    TooLarge,
    TooManyRequests,
    TooSlow,
    Unauthorized,
    UnsupportedMediaType,
    below,
)
from app.learning.errors import InvalidChoice
from app.messages import Fix
from app.os_errors import reason_of
from app.runs.request_model import FieldsInvalid
from app.storage.files import OutsideOfStore

log = logging.getLogger("antigrad.api")

MEDIA_TYPE = "application/problem+json"
BINARY = {"type": "string", "format": "binary"}  # the schema of a file in the OpenAPI document


PROBES = ("/healthz", "/readyz")  # they address a container or a machine by whatever name it has
RETRY_LATER = {"Retry-After": "2"}  # seconds
SHOWN = 20  # wrong fields in one answer


class FieldProblem(BaseModel):
    """A wrong field of a request."""

    pointer: str = Field(description="JSON pointer to the wrong field", examples=["/optimizer/lr"])
    detail: str = Field(description="what is wrong and what is accepted", examples=["Input should be greater than 0"])
    code: str = Field(description="stable error code; docs/errors.md has a section for each", examples=["greater_than"])
    params: dict[str, Any] = Field(description="the values that `detail` mentions", examples=[{"gt": 0}])
    fix: FixAnswer | None = Field(None, description="a change that would be accepted; null if no change is certain")


class Problem(BaseModel):
    """An error in the format of RFC 9457 (application/problem+json)."""

    type: str = Field(description="/problems/ followed by the code", examples=["/problems/greater_than"])
    title: str = Field(examples=["Invalid request"])
    status: int = Field(examples=[422])
    detail: str = Field(examples=["/optimizer/lr: Input should be greater than 0"])
    instance: str = Field(examples=["/runs"])
    code: str = Field(description="stable error code; docs/errors.md has a section for each", examples=["greater_than"])
    params: dict[str, Any] = Field(description="the values that `detail` mentions", examples=[{"gt": 0}])
    fix: FixAnswer | None = Field(None, description="a change that would be accepted; null if no change is certain")
    errors: list[FieldProblem] = Field([], description=f"the wrong fields, at most {SHOWN}")
    more: int = Field(0, description="number of further wrong fields, which `errors` leaves out")


class RefusedWhileReading(HTTPException):
    """A refusal while FastAPI reads the body; FastAPI passes on only HTTPException at that point."""

    def __init__(self, refusal: AppError) -> None:
        super().__init__(refusal.status, refusal.detail)
        self.refusal = refusal


def problems(*errors: type[AppError]) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of a route for these errors; the descriptions are the docstrings of the error classes."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    return {error.status: {"description": error.__doc__ or error.title, "content": content} for error in errors}


def binary(*media_types: str) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of a route that answers with a file or a stream."""
    schema = {"schema": BINARY}
    return {200: {"content": {media_type: schema for media_type in media_types}}}


def as_response(request: Request, error: AppError, headers: Mapping[str, str] | None = None) -> Response:
    """The answer with an error's problem document."""
    if isinstance(error, NotReady | TooManyRequests):
        headers = RETRY_LATER | dict(headers or {})
    return Response(document(error, request.url.path), error.status, headers, media_type=MEDIA_TYPE)


def document(error: AppError, path: str) -> str:
    """The problem document of an error, for a request to `path`."""
    fields = error.errors
    body = {
        "type": f"/problems/{error.message.code}",
        "title": error.title,
        "status": error.status,
        "detail": error.detail,
        "instance": path,
        **error.message.to_json(),
        "fix": _fix(error.fix),
        "errors": [
            {"pointer": field.pointer, "detail": field.detail, **field.message.to_json(), "fix": _fix(field.fix)}
            for field in fields[:SHOWN]
        ],
        "more": max(0, len(fields) - SHOWN) + error.further,
    }
    return _printable(body)


def _fix(fix: Fix | None) -> dict[str, Any] | None:
    return None if fix is None else fix.to_json()


def _printable(body: dict[str, Any]) -> str:
    """JSON with every unprintable character escaped: UTF-8 cannot encode lone surrogates, and other characters control
    a terminal or the direction of text."""
    text = json.dumps(body, ensure_ascii=False)
    return "".join(letter if letter.isprintable() else json.dumps(letter)[1:-1] for letter in text)


def register(app: FastAPI, locked: bool) -> None:
    """Translate all errors of the app to problems, and add them to its OpenAPI document; with the key if `locked`."""
    generate = app.openapi
    app.openapi = lambda: app.openapi_schema or describe(generate(), locked)  # type: ignore[method-assign]

    @app.exception_handler(AppError)
    def app_error(request: Request, error: AppError) -> Response:
        return as_response(request, error)

    @app.exception_handler(ClientDisconnect)
    def client_left(_: Request, __: ClientDisconnect) -> Response:
        return Response(status_code=400)  # not sent: the connection is closed

    @app.exception_handler(InvalidChoice)
    def invalid_choice(request: Request, error: InvalidChoice) -> Response:
        return as_response(request, below("", error))

    @app.exception_handler(SplitImpossible)
    def split_impossible(request: Request, error: SplitImpossible) -> Response:
        return as_response(request, below("/split", error))

    @app.exception_handler(FieldsInvalid)
    def fields(request: Request, error: FieldsInvalid) -> Response:
        return as_response(request, invalid_fields(error.errors, error.body))

    @app.exception_handler(RequestValidationError)
    def validation(request: Request, error: RequestValidationError) -> Response:
        if isinstance(error.body, bytes):  # FastAPI parses JSON only if the Content-Type says JSON
            kind = request.headers.get("Content-Type") or "missing"
            return as_response(request, UnsupportedMediaType("not_json", type=kind[:100]))
        return as_response(request, invalid_fields(error.errors(), error.body))

    @app.exception_handler(HTTPException)
    def http(request: Request, error: HTTPException) -> Response:
        known: AppError = NotFound("not_found")
        if isinstance(error, RefusedWhileReading):
            known = error.refusal
        elif error.status_code == 405:
            allowed = methods_at(app, request.scope)
            known = MethodNotAllowed("method_not_allowed", method=request.method, methods=allowed)
            return as_response(request, known, {"Allow": ", ".join(allowed)})
        elif error.status_code != 404:
            known = Malformed("bad_request", reason=str(error.detail))
        return as_response(request, known, error.headers)

    @app.exception_handler(Exception)
    def broke_down(request: Request, error: Exception) -> Response:
        log.error("%s %s failed", request.method, request.url.path, exc_info=error)
        return as_response(request, Internal("internal_error"))

    @app.exception_handler(OutsideOfStore)
    def outside_of_store(request: Request, error: OutsideOfStore) -> Response:
        log.error("the database names a file outside of the file store: %r", error.filename)
        return as_response(request, Internal("file_outside_of_store", file=error.filename))

    @app.exception_handler(OSError)
    def files_away(request: Request, error: OSError) -> Response:
        log.error("the files cannot be read or written: %s", error)
        return as_response(request, NotReady("files_away", reason=reason_of(error)))

    @app.exception_handler(OperationalError)
    def database_away(request: Request, error: OperationalError) -> Response:
        log.error("the database does not answer: %s", error.orig)
        return as_response(request, NotReady("database_away"))


def describe(document: dict[str, Any], locked: bool) -> dict[str, Any]:
    """Add to the OpenAPI document the models of problems and the problems that any route may answer with; if the
    service is `locked`, also its API key."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            anywhere = (Invalid, Internal) if path == "/healthz" else (Invalid, Unauthorized, NotReady, Internal)
            with_body = (TooLarge, UnsupportedMediaType) if method in ("post", "put") else ()
            by_host = () if path in PROBES else (Malformed, Misdirected)
            by_origin = () if method == "get" else (Forbidden,)
            by_server = (HeadersTooLarge, TooSlow, TooManyRequests)
            for status, answer in problems(*anywhere, *with_body, *by_host, *by_origin, *by_server).items():
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
    """Methods of an address over all of its routes; Starlette lists only those of the first one. Mounted files match
    any address and are left out."""
    routes = [route for route in app.routes if not isinstance(route, Mount)]
    return [
        method
        for method in ("DELETE", "GET", "HEAD", "POST", "PUT")
        if any(route.matches({**scope, "method": method})[0] is Match.FULL for route in routes)
    ] or ["GET", "HEAD"]


def no_such_part(form: FormData, wanted: str, file: str) -> Invalid:
    """The refusal of a multipart body whose part `wanted` is missing or holds no file."""
    if wanted in form:
        return Invalid("part_is_text", f"/{wanted}", part=wanted, example=file)
    return Invalid("part_missing", f"/{wanted}", part=wanted, sent=list(form), example=file)
