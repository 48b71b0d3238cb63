"""Before a request reaches a route: its key and its size."""

import hmac

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import as_response
from app.errors import AppError, Invalid, TooLarge, Unauthorized

JSON_BYTES = 2 * 1024**2
PREDICT_BYTES = 64 * 1024**2
UPLOAD_BYTES = 1024**3
LIMITS = {"/predict": PREDICT_BYTES, "/datasets": UPLOAD_BYTES}


class Guard:
    """Asks for the API key where there is one, and refuses a body over the limit without reading the rest."""

    def __init__(self, app: ASGIApp, api_key: str | None) -> None:
        self.app, self.api_key = app, api_key

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request = Request(scope)
        limit = limit_of(request)
        try:
            self._check_key(request)
            if "\0" in scope["path"] or b"%00" in scope["query_string"]:
                raise Invalid("the address holds a NUL (%00), which no text may; leave it out")
            if int(request.headers.get("Content-Length", "0")) > limit:
                raise _too_large(limit)
        except AppError as error:
            headers = {"WWW-Authenticate": "Bearer"} if isinstance(error, Unauthorized) else None
            await as_response(request, error, headers)(scope, receive, send)
            return
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > limit:  # a chunked body does not say its length before
                raise HTTPException(413, _too_large(limit).detail)  # FastAPI lets only these through
            return message

        await self.app(scope, counted, send)

    def _check_key(self, request: Request) -> None:
        if self.api_key is None or request.scope["path"] == "/healthz":
            return
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not hmac.compare_digest(key.encode(), self.api_key.encode()):
            raise Unauthorized("send the header Authorization: Bearer <key>; it is ANTIGRAD_API_KEY of the service")


def limit_of(request: Request) -> int:
    """How many bytes the body may have. Numbers as JSON are parsed in one go, for which all others wait."""
    path, kind = request.scope["path"], request.headers.get("Content-Type", "").split(";")[0].strip().lower()
    return JSON_BYTES if (path, kind) == ("/predict", "application/json") else LIMITS.get(path, JSON_BYTES)


def _too_large(limit: int) -> TooLarge:
    return TooLarge(f"the body is over {limit:,} bytes")
