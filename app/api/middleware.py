"""ASGI middleware that checks the API key, the address and the body's size before a request reaches a route."""

import asyncio
import hmac
import time
from collections.abc import Awaitable, Callable

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import RefusedWhileReading, as_response
from app.api.wrong_keys import WrongKeys
from app.errors import Invalid, NotReady, TooLarge, Unauthorized

JSON_BYTES = 2 * 1024**2
PREDICT_BYTES = 64 * 1024**2
UPLOAD_BYTES = 1024**3
TOGETHER_BYTES = 256 * 1024**2  # of all bodies that are held in memory; uploads of datasets go to the disk
LIMITS = {"/predict": PREDICT_BYTES, "/datasets": UPLOAD_BYTES}


class ApiKeyMiddleware:
    """Require the API key, as a bearer token, on every path but /healthz.

    Who guesses keys waits longer and longer for each answer. A right key never waits, and neither does a request
    without one, which guesses nothing.
    """

    def __init__(
        self,
        app: ASGIApp,
        api_key: str,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.app, self.api_key, self.sleep = app, api_key.encode(), sleep
        self.wrong_keys = WrongKeys(clock)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] == "/healthz" or self._is_sent(request := Request(scope)):
            await self.app(scope, receive, send)
            return
        if "Authorization" in request.headers and (seconds := self.wrong_keys.delay(_peer(scope))):
            await self.sleep(seconds)
        error = Unauthorized("api_key_wrong")
        await as_response(request, error, {"WWW-Authenticate": "Bearer"})(scope, receive, send)

    def _is_sent(self, request: Request) -> bool:
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        return scheme.lower() == "bearer" and hmac.compare_digest(key.encode(), self.api_key)


def _peer(scope: Scope) -> str:
    """The address of the other end; empty for a Unix socket."""
    client = scope.get("client")
    return client[0] if client else ""


class AddressMiddleware:
    """Refuse NUL characters in the path and the query: Postgres cannot store them in text."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and ("\0" in scope["path"] or b"%00" in scope["query_string"]):
            error = Invalid("address_with_nul")
            await as_response(Request(scope), error)(scope, receive, send)
            return
        await self.app(scope, receive, send)


class BodyLimitMiddleware:
    """Limit the size of the body by path and content type, whether its length is declared or not; and the size of all
    bodies together, `most` bytes.

    FastAPI's `max_body_size` answers every oversized body with plain text, even if the API key is missing. Here each
    refusal is a problem document.
    """

    def __init__(self, app: ASGIApp, most: int = TOGETHER_BYTES) -> None:
        self.app, self.most, self.held = app, most, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        limit = limit_of(request)
        if int(request.headers.get("Content-Length", "0")) > limit:
            await as_response(request, _too_large(limit))(scope, receive, send)
            return
        received, in_memory = 0, scope["path"] != "/datasets"

        async def counted() -> Message:
            nonlocal received
            message = await receive()
            size = len(message.get("body", b""))
            received += size
            self.held += size * in_memory
            if received > limit:  # a chunked body does not declare its length
                raise RefusedWhileReading(_too_large(limit))
            if in_memory and self.held > self.most:
                raise RefusedWhileReading(NotReady("too_busy"))
            return message

        try:
            await self.app(scope, counted, send)
        finally:
            self.held -= received * in_memory


def limit_of(request: Request) -> int:
    """Maximum size of the body in bytes. JSON has a low limit: all other requests wait while it is parsed."""
    path, kind = request.scope["path"], request.headers.get("Content-Type", "").split(";")[0].strip().lower()
    return JSON_BYTES if (path, kind) == ("/predict", "application/json") else LIMITS.get(path, JSON_BYTES)


def _too_large(limit: int) -> TooLarge:
    return TooLarge("body_too_large", limit=limit)
