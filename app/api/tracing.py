"""Tracing of requests, by FastAPI itself: spans for an OpenTelemetry collector."""

import logging
import os
import random
import re
from importlib.util import find_spec

from fastapi.telemetry import TelemetryConfig
from opentelemetry import trace
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.addresses import route_path
from app.api.headers import header
from app.api.tokens import SHARED

log = logging.getLogger("antigrad")
TRACEPARENT = re.compile("[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]([0-9a-f])")  # of an odd digit: it is traced
MARK = "fastapi.telemetry"  # in a scope: FastAPI's own record of the span, or None for none
SAMPLED = "antigrad.sampled"  # in a scope that gets a span
COLLECTOR = "OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"


def telemetry(share: float) -> TelemetryConfig:
    """Spans of a share of the requests if the environment names a collector; otherwise none.

    A sampler of OpenTelemetry would decide later, when most of the time for a span is spent. Metrics are those of
    `/metrics`, and logs those of `app.logs`.
    """
    is_wanted = any(os.environ.get(name) for name in COLLECTOR)
    is_installed = find_spec("opentelemetry.sdk") is not None
    if is_wanted and not is_installed:
        log.warning("requests are not traced: install antigrad[tracing], or unset %s", " and ".join(COLLECTOR))
    return {
        "tracing": is_wanted and is_installed,
        "metrics": False,
        "logs": False,
        "auto_configure": True,
        "exclude": lambda scope: not (SAMPLED in scope or is_traced(scope, share)),
    }


def sampled(app: ASGIApp, share: float) -> ASGIApp:
    """The app, for which it is decided before each request whether it is traced.

    FastAPI asks `exclude` late: what it does for a request that is not traced takes several percent of the time of a
    small prediction. It passes a scope that has its mark already on at once.
    """

    async def decided(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            if is_traced(scope, share):
                scope[SAMPLED] = True
            else:
                scope[MARK] = None
        await app(scope, receive, send)

    return decided


def name_span(scope: Scope) -> None:
    """Name the span of a request, if it has one, by a path that is a route and that the router does not see."""
    if scope.get(MARK) is not None:
        span, path = trace.get_current_span(), route_path(scope)
        span.update_name(f"{scope['method']} {path}")
        span.set_attribute("http.route", path)


def is_traced(scope: Scope, share: float) -> bool:
    """Trace what the sender traces; of requests without a trace a share. The path of a link would tell its token."""
    if SHARED in scope["path"]:
        return False
    parent = TRACEPARENT.fullmatch(header(scope, b"traceparent") or "")
    return random.random() < share if parent is None else int(parent[1], 16) % 2 == 1
