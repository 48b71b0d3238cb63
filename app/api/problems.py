"""Conversion of every error to an RFC 9457 problem. Text from a request is always escaped."""

import json
import logging
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import iter_route_contexts
from pydantic import BaseModel, Field
from sqlalchemy.exc import OperationalError
from starlette.datastructures import FormData
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.routing import Match, Mount
from starlette.types import Scope

from app import metrics
from app.api.addresses import route_path
from app.api.forms import HEAD_BYTES, is_form
from app.api.schemas.bodies import BINARY
from app.api.schemas.messages import FixAnswer
from app.api.tokens import without_token
from app.datasets.errors import SplitImpossible
from app.errors import (
    AppError,
    Internal,
    Invalid,
    Malformed,
    MethodNotAllowed,
    NotFound,
    NotReady,
    UnsupportedMediaType,
    below,
    not_utf8,
)
from app.learning.errors import InvalidChoice
from app.messages import Fix
from app.os_errors import reason_of
from app.runs.request_model import FieldsInvalid
from app.runs.validation import invalid_fields
from app.storage.files import OutsideOfStore

log = logging.getLogger("antigrad.api")

MEDIA_TYPE = "application/problem+json"
PROBES = ("/healthz", "/readyz")  # they address a container or a machine by whatever name it has
ANSWERED_AS = {"HEAD": "GET"}  # `HeadMiddleware`
RETRY_AFTER = {"Retry-After": {"description": "seconds to wait before the next request", "schema": {"type": "integer"}}}
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
    title: str = Field(examples=["Invalid request"], description="the kind of error")
    status: int = Field(examples=[422], description="the HTTP status")
    detail: str = Field(
        examples=["/optimizer/lr: Input should be greater than 0"], description="what is wrong and what would be right"
    )
    instance: str = Field(examples=["/runs"], description="the path of the request")
    code: str = Field(description="stable error code; docs/errors.md has a section for each", examples=["greater_than"])
    params: dict[str, Any] = Field(description="the values that `detail` mentions", examples=[{"gt": 0}])
    fix: FixAnswer | None = Field(None, description="a change that would be accepted; null if no change is certain")
    errors: list[FieldProblem] = Field([], description=f"the wrong fields, at most {SHOWN}")
    more: int = Field(0, description="number of further wrong fields, which `errors` leaves out")
    error: str | None = Field(None, description="under /v2, the `detail` once more, as its clients expect it")


class RefusedWhileReading(HTTPException):
    """A refusal while FastAPI reads the body; FastAPI passes on only HTTPException at that point."""

    def __init__(self, refusal: AppError) -> None:
        super().__init__(refusal.status, refusal.detail)
        self.refusal = refusal


def problems(*errors: type[AppError]) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of a route for these errors; the descriptions are the docstrings of the error classes."""
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    described: dict[int | str, dict[str, Any]] = {}
    for error in errors:
        described[error.status] = {"description": error.__doc__ or error.title, "content": content}
        if error.retry_after is not None:
            described[error.status]["headers"] = RETRY_AFTER
    return described


def binary(*media_types: str) -> dict[int | str, dict[str, Any]]:
    """The `responses=` of a route that answers with a file or a stream."""
    schema = {"schema": BINARY}
    return {200: {"content": {media_type: schema for media_type in media_types}}}


def as_response(request: Request, error: AppError, headers: Mapping[str, str] | None = None) -> Response:
    """The answer with an error's problem document."""
    headers = {**error.headers, **(headers or {})}
    if error.retry_after is not None:
        headers.setdefault("Retry-After", str(error.retry_after))
    # Clients of the Open Inference Protocol look for the sentence in `error`.
    further = {"error": error.detail} if route_path(request.scope).startswith("/v2") else {}
    content = document(error, request.url.path, further)
    return Response(content, error.status, headers, media_type=MEDIA_TYPE)


def document(error: AppError, path: str, further: Mapping[str, str] = {}) -> str:
    """The problem document of an error, for a request to `path`, with further members."""
    metrics.refusals(error.message.code).inc()
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
        **further,
    }
    return _printable(body)


def _fix(fix: Fix | None) -> dict[str, Any] | None:
    return None if fix is None else fix.to_json()


def _printable(body: dict[str, Any]) -> str:
    """JSON with every unprintable character escaped: UTF-8 cannot encode lone surrogates, and other characters control
    a terminal or the direction of text."""
    text = json.dumps(body, ensure_ascii=False)
    return "".join(letter if letter.isprintable() else json.dumps(letter)[1:-1] for letter in text)


def register(app: FastAPI) -> None:
    """Translate all errors of the app to problems."""

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
        body = error.body
        broken = any(item["type"] == "json_invalid" for item in error.errors())
        text = body[:HEAD_BYTES].encode(errors="replace") if broken and isinstance(body, str) else b""
        if is_form(body if isinstance(body, bytes) else text):
            return as_response(request, UnsupportedMediaType("form_in_place_of_json"))
        if isinstance(body, bytes):  # FastAPI parses JSON only if the Content-Type says JSON
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
        elif isinstance(error.__cause__, UnicodeDecodeError):  # FastAPI says only that the body cannot be parsed
            is_other = is_form(error.__cause__.object)
            known = UnsupportedMediaType("form_in_place_of_json") if is_other else not_utf8(error.__cause__)
        elif error.status_code != 404:
            known = Malformed("bad_request", reason=str(error.detail))
        return as_response(request, known, error.headers)

    app.exception_handler(Exception)(broke_down)

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


def broke_down(request: Request, error: Exception) -> Response:
    """The answer to an error that no handler knows, which is logged."""
    log.error("%s %s failed", request.method, without_token(request.url.path), exc_info=error)
    return as_response(request, Internal("internal_error"))


def methods_at(app: FastAPI, scope: Scope) -> list[str]:
    """Methods of an address over all of its routes; Starlette lists only those of the first one. Mounted files match
    any address and are left out. `/runs/cancel` is no run: routes with the fewest parameters count."""
    routes = [context.route for context in iter_route_contexts(app.routes) if not isinstance(context.route, Mount)]
    parameters: dict[str, int] = {}  # by method
    for method in ("DELETE", "GET", "HEAD", "PATCH", "POST", "PUT"):
        matches = [route.matches({**scope, "method": ANSWERED_AS.get(method, method)}) for route in routes]
        counts = [len(found["path_params"]) for match, found in matches if match is Match.FULL]
        if counts:
            parameters[method] = min(counts)
    return [name for name, count in parameters.items() if count == min(parameters.values())] or ["GET", "HEAD"]


def no_such_part(form: FormData, wanted: str, file: str) -> Invalid:
    """The refusal of a multipart body whose part `wanted` is missing or holds no file."""
    if wanted in form:
        return Invalid("part_is_text", f"/{wanted}", part=wanted, example=file)
    return Invalid("part_missing", f"/{wanted}", part=wanted, sent=list(form), example=file)
