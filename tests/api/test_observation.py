"""Ids, timings, metrics and logs of requests."""

import json
import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from prometheus_client.parser import text_string_to_metric_families

from app import logs
from app.access import Scope
from app.settings import Settings
from tests.support.keys import new_key, until_known
from tests.support.rows import insert_run
from tests.support.served import serve
from tests.support.services import KEY, Service, Template, client_of


@pytest.fixture(scope="module")
def client(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with template.client(tmp_path_factory.mktemp("observed") / "home") as client:
        serve(client, "run_one")
        yield client


def stderr_of(program: str) -> str:
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stderr


def samples(client: TestClient) -> dict[tuple[str, ...], float]:
    """The values of all metrics, by name and labels."""
    answer = client.get("/metrics")
    assert answer.status_code == 200 and answer.headers["Content-Type"].startswith("text/plain")
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }


def predict(client: TestClient, count: int) -> None:
    pictures = np.zeros((count, 784), np.uint8).tolist()
    assert client.post("/predict?run=run_one", json={"instances": pictures}).status_code == 200


def test_answers_are_counted_by_route_and_status(client: TestClient) -> None:
    before = samples(client)
    predict(client, 3)
    for _ in range(2):
        assert client.get("/runs/run_one").status_code == 200
    assert client.get("/runs/none").status_code == 404
    assert client.head("/runs/run_one").status_code == 200
    for strange in ("/a", "/b", "/runs/run_one/c"):
        assert client.get(strange).status_code == 404
    after = samples(client)

    def gained(*sample: str) -> float:
        return after.get(sample, 0) - before.get(sample, 0)

    assert gained("antigrad_requests_total", "GET", "/runs/{id}", "200") == 2
    assert gained("antigrad_requests_total", "GET", "/runs/{id}", "404") == 1
    assert gained("antigrad_requests_total", "HEAD", "/runs/{id}", "200") == 1
    assert gained("antigrad_requests_total", "GET", "other", "404") == 3
    assert gained("antigrad_requests_total", "POST", "/predict", "200") == 1
    assert gained("antigrad_request_seconds_count", "/predict") == 1
    assert gained("antigrad_refusals_total", "not_found") == 3
    assert gained("antigrad_predict_batch_size_sum") == 3
    for stage in ("queue", "decode", "compute", "encode"):
        assert gained(f"antigrad_predict_{stage}_seconds_count") == 1
        assert gained(f"antigrad_predict_{stage}_seconds_sum") >= 0


def test_runs_queue_and_workers_are_those_of_the_database(client: TestClient) -> None:
    with Service.of(client).database.write() as db:
        insert_run(db, "run_waits", status="queued", created_at=1.0)
        insert_run(db, "run_trains", status="running", progress={"steps_per_second": 12.5})
    found = samples(client)
    assert found["antigrad_queue_depth",] == 1 and found["antigrad_queue_oldest_seconds",] > 1e6
    assert found["antigrad_runs", "queued"] == found["antigrad_runs", "running"] == 1
    assert found["antigrad_steps_per_second",] == 12.5 and found["antigrad_workers",] == 0
    assert found["antigrad_datasets", "ready"] >= 1


@pytest.mark.parametrize("path", ["/healthz", "/predict", "/none", "/docs"])
def test_every_answer_says_what_it_took_and_has_an_id(client: TestClient, path: str) -> None:
    answers = [client.get(path) for _ in range(2)]
    ids = [answer.headers["X-Request-Id"] for answer in answers]
    assert len(set(ids)) == 2
    assert all(re.fullmatch(r"total;dur=\d+\.\d\d", answer.headers["Server-Timing"]) for answer in answers)


def test_a_prediction_says_what_each_stage_took(client: TestClient) -> None:
    answer = client.post("/predict?run=run_one", json={"instances": [[0] * 784]})
    stages = re.findall(r"(\w+);dur=(\d+\.\d\d)", answer.headers["Server-Timing"])
    assert [name for name, _ in stages] == ["queue", "decode", "compute", "encode", "total"]
    seconds = [float(value) for _, value in stages]
    assert sum(seconds[:-1]) <= seconds[-1] + 0.05


@pytest.mark.parametrize(("sent", "kept"), [("abc-1:2/3", True), ("a" * 101, False), ("a b", False), ("", False)])
def test_a_client_may_name_its_request(client: TestClient, sent: str, kept: bool) -> None:
    answer = client.get("/healthz", headers={"X-Request-Id": sent})
    assert (answer.headers["X-Request-Id"] == sent) is kept


def test_the_access_log_names_request_run_and_answer(
    template: Template, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    home = tmp_path / "home"
    template.fill(home)
    caplog.set_level(logging.INFO, "antigrad.access")
    with client_of(Settings(home=home, access_log=True, _env_file=None)) as client:
        client.get("/runs/none")
    [record] = [record for record in caplog.records if record.name == "antigrad.access"]
    assert record.getMessage() == "GET /runs/none 404"
    assert (record.run, record.status, record.method) == ("none", 404, "GET")  # type: ignore[attr-defined]


def test_the_access_log_names_the_owner_and_neither_keys_nor_links(
    template: Template, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "antigrad.access")
    with template.client(tmp_path / "home", access_log=True, api_key=KEY) as client:
        key = new_key(Service.of(client).database, "s1", Scope.READ, Scope.TRAIN)
        until_known(client, key)
        run = client.post("/runs", json={"dataset": "digits"}, headers=key.headers).json()["id"]
        link = client.post(f"/runs/{run}/share", headers=key.headers).json()["link"]
        caplog.clear()
        assert client.get(link).status_code == client.get("/me", headers=key.headers).status_code == 200
        client.get("/shared/forged")
    seen = [(record.getMessage(), record.owner) for record in caplog.records if record.name == "antigrad.access"]
    assert seen == [(f"GET /shared/…/runs/{run} 200", "s1"), ("GET /me 200", "s1"), ("GET /shared/… 401", None)]


def test_a_line_of_json_has_the_request_and_the_run() -> None:
    program = (
        "import logging\n"
        "from app import logs\n"
        "logs.configure('json')\n"
        "logs.request_id.set('abc')\n"
        "logging.getLogger('antigrad.worker').info('%s begins', 'run_1', extra={'run': 'run_1', 'owner': None})\n"
        "try:\n    1 / 0\n"
        "except ZeroDivisionError:\n    logging.getLogger('antigrad.api').exception('broke')\n"
    )
    first, second = map(json.loads, stderr_of(program).splitlines())
    assert first["event"] == "run_1 begins" and first["run"] == "run_1" and first["request"] == "abc"
    assert first["level"] == "info" and first["logger"] == "antigrad.worker" and "owner" not in first
    assert second["event"] == "broke" and "ZeroDivisionError" in second["exception"]


def test_text_is_the_default() -> None:
    assert Settings(_env_file=None).log_format == "text"
    program = (
        "import logging; from app import logs; logs.configure('text'); logging.getLogger('antigrad.api').info('a')"
    )
    assert stderr_of(program).strip().endswith("antigrad.api a")
    assert logs.request_id.get() is None
