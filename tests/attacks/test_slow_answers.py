"""Answers that take long are worked on in a few places, so that quick ones do not wait for them.

What stays available: `/healthz`, runs and predictions, while any number of plots, traces and exports are asked for; and
the memory, whether or not their clients read them.
"""

import socket
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from unittest.mock import Mock, patch

import httpx
import psutil
import pytest
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute
from fastapi.testclient import TestClient

from app.api import deps
from app.main import ROUTES
from tests.support.commands import CLI, until_ready
from tests.support.fork_server import fork_server
from tests.support.processes import free_port
from tests.support.served import serve

SLOW_PATHS = {
    "/architectures/diagram.svg",
    "/architectures/trace",
    "/datasets/{id}/duplicates",
    "/datasets/{id}/export.npz",
    "/datasets/{id}/map",
    "/datasets/{id}/means.png",
    "/datasets/{id}/preview.png",
    "/datasets/{id}/statistics",
    "/datasets/{id}/suspects",
    "/experiments/{name}/{id}/curve.{format}",
    "/export.parquet",
    "/export.tensorboard.zip",
    "/models/{name}/drift",
    "/models/{name}/feedback.npz",
    "/optimizers/contours",
    "/optimizers/race/{id}/curve.{format}",
    "/optimizers/trajectory",
    "/optimizers/trajectory.{format}",
    "/runs.csv",
    "/runs/curve.{format}",
    "/runs/groups",
    "/runs/{id}/curve.csv",
    "/runs/{id}/curve.{format}",
    "/runs/{id}/diagram.svg",
    "/runs/{id}/examples",
    "/runs/{id}/filters.png",
    "/runs/{id}/onnx",
    "/sweeps/{id}/importance",
}

SLOW_PAGE = "/ui/sweeps/new"


OPERATIONS = [route for module in ROUTES for route in module.router.routes if isinstance(route, APIRoute)]


@pytest.fixture
def crowded(quick_client: TestClient) -> Iterator[TestClient]:
    """A service with requests in all places for slow work."""
    places = quick_client.app.state.places  # type: ignore[attr-defined]
    places.taken += places.most
    yield quick_client
    places.taken -= places.most


def test_all_that_takes_long_needs_a_place() -> None:
    found = {route.path for route in OPERATIONS if deps.SLOW in route.dependencies}
    assert found == SLOW_PATHS | {SLOW_PAGE}


def test_beyond_the_places_a_page_says_so(crowded: TestClient) -> None:
    answer = crowded.get(SLOW_PAGE)
    assert answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0
    assert answer.headers["Content-Type"].startswith("text/html")


def test_each_answer_in_pieces_is_made_in_places(quick_client: TestClient) -> None:
    serve(quick_client, "run_streamed")
    places = quick_client.app.state.places  # type: ignore[attr-defined]
    for route in OPERATIONS:
        is_file = route.path == "/datasets/{id}/export.npz"  # it is built once
        if route.response_class is StreamingResponse and not is_file:
            with patch.object(places, "pieces", Mock(wraps=places.pieces)) as pieces:
                answer = quick_client.get(route.path.format(id="run_streamed"))
            assert answer.status_code == 200 and pieces.call_count == 1, route.path


@pytest.mark.parametrize("path", sorted(SLOW_PATHS))
def test_beyond_the_places_a_client_is_told_to_come_back(crowded: TestClient, path: str) -> None:
    [(method,)] = [route.methods for route in OPERATIONS if route.path == path]
    answer = crowded.request(method, path.format(id="digits", name="x", format="svg"), json={})
    assert (answer.status_code, answer.json()["code"]) == (503, "too_busy")
    assert int(answer.headers["Retry-After"]) > 0
    assert crowded.get("/healthz").status_code == crowded.get("/runs").status_code == 200


def test_explanations_have_such_places_too(crowded: TestClient) -> None:
    serve(crowded, "run_explained")
    body, path = {"instances": [[0] * 784]}, "/predict?run=run_explained"
    answer = crowded.post(f"{path}&explain=gradient", json=body)
    assert (answer.status_code, answer.json()["code"]) == (503, "too_busy")
    assert crowded.post(path, json=body).status_code == 200


def test_exports_that_nobody_reads_are_built_once_and_fill_no_memory(tmp_path: Path) -> None:
    port, count = free_port(), 150
    service = fork_server().start(CLI, "serve", "--port", str(port), "--workers", "0", ANTIGRAD_HOME=str(tmp_path))
    url = f"http://127.0.0.1:{port}"
    try:
        until_ready(service, url)
        whole = httpx.get(f"{url}/datasets/notmnist/export.npz", timeout=120).content
        before = psutil.Process(service.pid).memory_info().rss
        with ExitStack() as open_ones:
            for _ in range(count):
                client = open_ones.enter_context(socket.create_connection(("127.0.0.1", port)))
                client.sendall(b"GET /datasets/notmnist/export.npz HTTP/1.1\r\nHost: localhost\r\n\r\n")
            for _ in range(20):
                assert httpx.get(f"{url}/healthz", timeout=60).status_code == 200
                assert httpx.get(f"{url}/runs", timeout=60).status_code == 200
            gained = psutil.Process(service.pid).memory_info().rss - before
        assert gained < count * len(whole) / 8, f"{gained / 2**20:.0f} MB for exports of {len(whole) / 2**20:.0f} MB"
        assert len(list((tmp_path / "exports").iterdir())) == 1
    finally:
        service.terminate()
        assert service.wait(120) == 0
