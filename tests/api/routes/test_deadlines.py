"""Deadlines of predictions: what comes too late is not computed, and what cannot come in time is refused at once."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from fastapi.testclient import TestClient

from app.serving.predictor import Predictor
from tests.support.processes import until
from tests.support.served import serve
from tests.support.services import Template

ZEROS, ONES = {"instances": [[0] * 784]}, {"instances": [[1] * 784]}


@pytest.fixture(scope="module")
def client(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with template.client(tmp_path_factory.mktemp("deadlines") / "home") as client:
        serve(client, "run_one")
        yield client


@contextmanager
def busy_network(client: TestClient) -> Iterator[list[float]]:
    """A network whose first batch takes until the context ends; yields the first pixel of each computed input."""
    computed: list[float] = []
    release = threading.Event()
    really = Predictor.predict

    def predict(self: Predictor, inputs: Any) -> Any:
        computed.extend(inputs[:, 0, 0, 0].tolist())
        release.wait(60)
        return really(self, inputs)

    with (
        patch.object(Predictor, "predict", predict),
        patch.object(Predictor, "_is_cheap", lambda *_: False),
        ThreadPoolExecutor(1) as pool,
    ):
        client.app.state.predictions.models.loaded.clear()  # type: ignore[attr-defined]
        first = pool.submit(client.post, "/predict?run=run_one", json=ZEROS)
        try:
            until(lambda: computed == [0.0])
            yield computed
        finally:
            release.set()
            assert first.result().status_code == 200
            client.app.state.predictions.models.loaded.clear()  # type: ignore[attr-defined]


def test_past_its_deadline_a_request_is_answered_and_never_computed(client: TestClient) -> None:
    with busy_network(client) as computed:
        late = client.post("/predict?run=run_one", json=ONES, headers={"X-Timeout-Ms": "30"})
        assert late.status_code == 504 and late.json()["code"] == "deadline_exceeded", late.text
    assert client.post("/predict?run=run_one", json=ZEROS, headers={"X-Timeout-Ms": "60000"}).status_code == 200
    assert computed == [0.0]


@pytest.mark.parametrize("sent", ["0", "-1", "1.5", "soon", "", "600001", "9" * 5000, "٣"])
def test_a_deadline_that_is_no_number_of_milliseconds_is_refused(client: TestClient, sent: str) -> None:
    answer = client.post("/predict?run=run_one", json=ZEROS, headers={"X-Timeout-Ms": sent.encode()})
    assert answer.status_code == 422 and answer.json()["code"] == "timeout_malformed"
    assert answer.json()["errors"][0]["pointer"] == "X-Timeout-Ms"


def test_who_cannot_be_served_soon_is_told_when(client: TestClient) -> None:
    with busy_network(client):
        predictor = next(iter(client.app.state.predictions.models.loaded.values()))  # type: ignore[attr-defined]
        predictor.batcher.cost.add(1, 30.0)  # as if the last batch had taken 30 s
        refused = client.post("/predict?run=run_one", json=ONES)
        assert refused.status_code == 503 and refused.json()["code"] == "predictions_wait", refused.text
        assert 1 < int(refused.headers["Retry-After"]) <= 30
