"""Guards: functions that may refuse a request by its address and headers, before a route sees it."""

from collections.abc import Awaitable, Callable, Sequence

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.headers import header
from app.api.problems import as_response
from app.errors import AppError, EncodingRefused, Invalid

Guard = Callable[[Scope], AppError | None]


class GuardMiddleware:
    """Ask each guard in turn, and answer with the first refusal. They share a layer, which costs more than a guard."""

    def __init__(self, app: ASGIApp, guards: Sequence[Guard]) -> None:
        self.app, self.guards = app, guards

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] == "http":
            for guard in self.guards:
                if (error := guard(scope)) is not None:
                    return as_response(Request(scope), error)(scope, receive, send)
        return self.app(scope, receive, send)


def nul_in_address(scope: Scope) -> AppError | None:
    """Refuse NUL characters in the path and the query: Postgres cannot store them in text."""
    if "\0" in scope["path"] or b"%00" in scope["query_string"]:
        return Invalid("address_with_nul")
    return None


def compressed_body(scope: Scope) -> AppError | None:
    """Refuse compressed bodies. Unpacking them would need limits of its own, and uploads may be archives anyway."""
    if scope["method"] not in ("POST", "PUT", "PATCH"):
        return None
    encoding = (header(scope, b"content-encoding") or "").strip().lower()
    return None if encoding in ("", "identity") else EncodingRefused("content_encoding", "", encoding=encoding[:100])
