"""ASGI middleware that checks the address, and the body's encoding and size before a route sees it, and that answers
HEAD.

A layer that only passes a request on returns the next one's awaitable: a coroutine of its own would cost time.
"""

from collections.abc import Awaitable

import anyio
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.addresses import route_path
from app.api.headers import header
from app.api.problems import RefusedWhileReading, as_response
from app.errors import NotReady, TooLarge

JSON_BYTES = 2 * 1024**2
PREDICT_BYTES = 64 * 1024**2
UPLOAD_BYTES = 1024**3
TOGETHER_BYTES = 256 * 1024**2  # of all bodies that are held in memory; uploads of datasets go to the disk
LIMITS = {"/datasets": UPLOAD_BYTES}


class HeadMiddleware:
    """Answer HEAD wherever GET is, with the status and headers of GET.

    The route is left at the first piece of the body, so that no stream has to end.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http" or scope["method"] != "HEAD":
            return self.app(scope, receive, send)
        return self._as_get(scope, receive, send)

    async def _as_get(self, scope: Scope, receive: Receive, send: Send) -> None:
        with anyio.CancelScope() as body:

            async def without_body(message: Message) -> None:
                if message["type"] == "http.response.start":
                    await send(message)
                else:
                    await send({"type": "http.response.body", "body": b""})
                    body.cancel()

            as_get = {**scope, "method": "GET"}
            await self.app(as_get, receive, without_body)
            scope["route"] = as_get.get("route")


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
        limit = limit_of(scope)
        if int(header(scope, b"content-length") or "0") > limit:
            await as_response(Request(scope), _too_large(limit))(scope, receive, send)
            return
        received, in_memory = 0, route_path(scope) != "/datasets"

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


def limit_of(scope: Scope) -> int:
    """Maximum size of the body in bytes. JSON has a low limit: all other requests wait while it is parsed."""
    path = route_path(scope)
    if path in ("/predict", "/batches"):
        kind = (header(scope, b"content-type") or "").partition(";")[0].strip().lower()
        return JSON_BYTES if kind == "application/json" else PREDICT_BYTES
    if path.startswith("/v2/") and header(scope, b"inference-header-content-length") is not None:
        return PREDICT_BYTES  # most of it is bytes of tensors: `inference_body` limits the JSON
    return LIMITS.get(path, JSON_BYTES)


def _too_large(limit: int) -> TooLarge:
    return TooLarge("body_too_large", limit=limit)
