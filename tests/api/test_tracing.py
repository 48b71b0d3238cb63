"""Requests are traced for an OpenTelemetry collector that the environment names."""

import asyncio
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from app.api.tracing import MARK, is_traced, sampled, telemetry
from tests.support.services import Template
from tests.support.site import in_thread

trace_service = pytest.importorskip(
    "opentelemetry.proto.collector.trace.v1.trace_service_pb2", reason="pip install 'antigrad[tracing]'"
)
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def bodies(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[bytes]]:
    """The spans that a collector receives."""
    received: list[bytes] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/v1/traces"
            received.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    with in_thread(HTTPServer(("127.0.0.1", 0), Collector)) as server:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        yield received


def test_a_collector_gets_a_span_of_each_request_in_its_caller_s_trace(
    bodies: list[bytes], template: Template, tmp_path: Path
) -> None:
    with template.client(tmp_path / "home") as client:
        client.get("/runs", headers={"traceparent": f"00-{TRACE}-{SPAN}-01"})
        client.post("/predict?run=run_x", json={"instances": [[0.0]]})
        client.get("/shared/a-token/runs/run_x")

        async def not_sampled(scope: dict[str, Any], receive: Any, send: Any) -> None:
            await client.app(scope | {MARK: None}, receive, send)  # type: ignore[arg-type]

        TestClient(not_sampled, base_url="http://localhost").get("/batches").raise_for_status()  # type: ignore[arg-type]
    spans = [
        span
        for body in bodies
        for resource in trace_service.ExportTraceServiceRequest.FromString(body).resource_spans
        for scope in resource.scope_spans
        for span in scope.spans
    ]
    of_requests = {span.name: span for span in spans if span.name.startswith(("GET ", "POST "))}
    assert of_requests.keys() == {"GET /runs", "POST /predict"}
    listed = of_requests["GET /runs"]
    assert (listed.trace_id.hex(), listed.parent_span_id.hex()) == (TRACE, SPAN)
    predicted = {attribute.key: attribute.value for attribute in of_requests["POST /predict"].attributes}
    assert predicted["http.route"].string_value == "/predict"
    assert predicted["http.response.status_code"].int_value == 404
    assert b"a-token" not in b"".join(bodies)  # who has the token of a link sees what it shows


def test_the_server_decides_once_and_leads_past_tracing_what_is_not_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    points = iter([0.1, 0.5])
    monkeypatch.setattr("app.api.tracing.random.random", lambda: next(points))
    asked, seen = [], []

    async def app(scope: dict[str, Any], *_: object) -> None:
        if MARK not in scope:  # FastAPI asks only then
            asked.append(telemetry(0.2)["exclude"](scope))
        seen.append(scope["path"])

    async def requests() -> None:
        for path in ("/traced", "/other"):
            await sampled(app, 0.2)({"type": "http", "path": path, "headers": []}, None, None)  # type: ignore[arg-type]
        await sampled(app, 0.2)({"type": "lifespan", "path": "", "headers": [], MARK: None}, None, None)  # type: ignore[arg-type]

    asyncio.run(requests())
    assert (asked, seen) == ([False], ["/traced", "/other", ""])


def test_without_a_collector_nothing_is_traced(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    assert not telemetry(1)["tracing"]


def test_what_tracing_needs_is_named(monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    monkeypatch.setattr("app.api.tracing.find_spec", lambda _: None)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://127.0.0.1:4318")
    assert not telemetry(1)["tracing"]
    assert "antigrad[tracing]" in caplog.text


@pytest.mark.parametrize(
    ("flags", "share", "traced"),
    [("01", 0, True), ("03", 0, True), ("00", 1, False), ("02", 1, False), (None, 1, True), (None, 0, False)],
)
def test_a_request_is_traced_as_its_sender_is_or_by_chance(flags: str | None, share: float, traced: bool) -> None:
    headers = [] if flags is None else [(b"traceparent", f"00-{TRACE}-{SPAN}-{flags}".encode())]
    scope = {"type": "http", "path": "/runs", "headers": headers}
    assert is_traced(scope, share) is traced
    assert not is_traced(scope | {"path": "/shared/a-token/runs/run_x"}, 1)
