"""ASGI middleware that gives each request an id, measures it, and counts its answer."""

import logging
import re
import secrets
from itertools import count
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import metrics
from app.access import ANONYMOUS
from app.api.headers import header
from app.api.tokens import without_token
from app.logs import request_id

log = logging.getLogger("antigrad.access")
SENT_ID = re.compile(r"[A-Za-z0-9._:/+=-]{1,100}")
TIMING = "antigrad.timing"  # in the scope: the seconds of a request's stages, by name
OTHER = "other"  # the route of addresses that do not exist
MICROSECONDS = 1e6


class ObservationMiddleware:
    """Set `X-Request-Id` (the client's, if it sent one) and `Server-Timing`; count and time the answers.

    logs_access: write a line for each answer.
    """

    def __init__(self, app: ASGIApp, logs_access: bool) -> None:
        self.app, self.logs_access = app, logs_access
        self.process, self.numbers = secrets.token_hex(5), count(1)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = perf_counter()
        sent = header(scope, b"x-request-id")
        own = sent if sent and SENT_ID.fullmatch(sent) else f"{self.process}-{next(self.numbers)}"
        request_id.set(own)  # the server handles each request in a context of its own
        timing: dict[str, float] = {}
        scope[TIMING] = timing
        status, seconds = 0, 0.0

        async def observed(message: Message) -> None:
            nonlocal status, seconds
            if message["type"] == "http.response.start":
                status, seconds = message["status"], perf_counter() - began
                stages = "".join([f"{name};dur={1000 * took:.2f}, " for name, took in timing.items()])
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-request-id", own.encode()),
                    (b"server-timing", f"{stages}total;dur={1000 * seconds:.2f}".encode()),
                ]
            await send(message)

        try:
            await self.app(scope, receive, observed)
        finally:
            route = _route(scope)
            metrics.requests(scope["method"], route, status).inc()
            metrics.request_seconds(route).observe(seconds)
            if self.logs_access:
                described = {"method": scope["method"], "path": without_token(scope["path"]), "status": status}
                run, caller = scope.get("path_params", {}).get("id"), scope.get("state", {}).get("caller", ANONYMOUS)
                known = {"run": run, "owner": caller.owner or None, "seconds": seconds}
                log.info("%(method)s %(path)s %(status)s", described, extra=described | known)


def _route(scope: Scope) -> str:
    """The path of the route with its parameters' names, so that there are few."""
    route = scope.get("route")
    path: str = getattr(route, "path", OTHER)
    return path
