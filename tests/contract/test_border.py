"""Checks common to all routes: API key, methods, query parameters, and internal errors."""

import logging
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from starlette.types import Receive, Scope, Send

from app.api.failures import FailureMiddleware
from app.settings import Settings
from app.storage.queue import workers
from tests.support.runs import SMALL, queue
from tests.support.services import KEY, client_of

FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.fixture(scope="module")
def locked(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    settings = Settings(home=tmp_path_factory.mktemp("home"), api_key=KEY, _env_file=None)  # type: ignore[arg-type]
    with client_of(settings, raise_server_exceptions=False) as client:
        yield client


def test_a_locked_service_says_how_it_is_opened(locked: TestClient, quick_client: TestClient) -> None:
    refused = locked.get("/runs")
    assert refused.status_code == 401 and refused.headers["WWW-Authenticate"] == "Bearer"
    document = locked.get("/openapi.json", headers={"Authorization": f"Bearer {KEY}"}).json()
    (name,) = document["security"][0]
    scheme = document["components"]["securitySchemes"][name]
    assert (scheme["type"], scheme["scheme"]) == ("http", "bearer")
    assert document["paths"]["/healthz"]["get"]["security"] == []
    assert "security" not in quick_client.get("/openapi.json").json()


def test_a_fault_of_the_service_is_a_problem_and_its_text_stays_in_the_log(
    locked: TestClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("the password is hunter2")

    monkeypatch.setattr(workers, "alive", broken)
    with caplog.at_level(logging.ERROR, "antigrad.api"):
        answer = locked.get("/workers", headers={"Authorization": f"Bearer {KEY}", "X-Request-Id": "mine"})
    assert answer.status_code == 500 and answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["type"] == "/problems/internal_error" and "hunter2" not in answer.text
    (record,) = [record for record in caplog.records if record.name == "antigrad.api"]
    assert "/workers" in record.getMessage() and record.exc_info
    assert answer.headers["X-Request-Id"] == "mine" and "total;dur=" in answer.headers["Server-Timing"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff" and "Content-Security-Policy" in answer.headers
    monkeypatch.undo()
    metrics = locked.get("/metrics", headers={"Authorization": f"Bearer {KEY}"}).text
    assert 'antigrad_requests_total{method="GET",route="/workers",status="500"}' in metrics


def test_an_answer_that_breaks_after_its_beginning_is_not_followed_by_another() -> None:
    async def breaking(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError

    client = TestClient(FailureMiddleware(breaking))
    with pytest.raises(RuntimeError):
        client.get("/")


@pytest.mark.parametrize(
    ("method", "path", "allowed"), [("PUT", "/runs", "DELETE, GET, HEAD, PATCH, POST"),
                                    ("POST", "/runs/run_1", "DELETE, GET, HEAD, PATCH"),
                                    ("PUT", "/runs/cancel", "POST"),
                                    ("PUT", "/datasets/catalogue", "GET, HEAD"),
                                    ("DELETE", "/predict", "POST"), ("POST", "/docs", "GET, HEAD"),
                                    ("POST", "/static-offline-docs/swagger-ui.css", "GET, HEAD")],
)  # fmt: skip
def test_a_method_that_an_address_has_not_is_told_those_that_it_has(
    quick_client: TestClient, method: str, path: str, allowed: str
) -> None:
    answer = quick_client.request(method, path)
    assert answer.status_code == 405 and answer.headers["Allow"] == allowed
    assert answer.json()["type"] == "/problems/method_not_allowed" and allowed in answer.json()["detail"]


def test_json_that_does_not_say_so_is_told_which_header_to_add(quick_client: TestClient) -> None:
    for path in ("/runs", "/runs/run_1/again", "/architectures/inspect"):
        for headers in (FORM, {}):
            answer = quick_client.post(path, content=b'{"dataset": "digits"}', headers=headers)
            assert answer.status_code == 415 and "-H 'Content-Type: application/json'" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("path", "name", "said"),
    [
        ("/runs?statsu=queued", "statsu", "did you mean 'status'"),
        ("/runs/run_1?wiat=3", "wiat", "did you mean 'wait'"),
        ("/runs/run_1/curve.png?points=9", "points", "this address has axis, series"),
        ("/datasets/digits/samples?run_=a", "run_", "did you mean 'run'"),
        ("/readyz?verbose=1", "verbose", "this address has none"),
    ],
)
def test_a_parameter_that_a_route_has_not_is_refused(quick_client: TestClient, path: str, name: str, said: str) -> None:
    answer = quick_client.get(path)
    assert answer.status_code == 422
    (error,) = answer.json()["errors"]
    assert error["pointer"] == name and said in error["detail"]


@pytest.mark.parametrize("position", ["-1.0", "0.-5", "9" * 40 + ".0", "1_0.0", "1", "1.2.3"])
def test_a_position_that_no_stream_has_is_refused(quick_client: TestClient, position: str) -> None:
    run = queue(quick_client, SMALL)
    quick_client.post(f"/runs/{run}/cancel")
    assert quick_client.get(f"/runs/{run}/events", headers={"Last-Event-ID": position}).status_code == 422
    far = quick_client.get(f"/runs/{run}/events", headers={"Last-Event-ID": "9" * 18 + ".0"})
    assert far.status_code == 200 and "event: done" in far.text
