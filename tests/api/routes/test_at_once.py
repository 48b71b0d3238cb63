"""Concurrent requests on both databases: each gets a correct answer."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from sqlalchemy import event

from app.settings import Settings
from app.storage.database import Database
from app.storage.files import LocalFiles
from tests.support.archives import zipped
from tests.support.rows import insert_run
from tests.support.runs import SMALL, queue
from tests.support.services import Service
from tests.support.uploads import LECTURE, stored, upload

pytestmark = pytest.mark.sql


@contextmanager
def meeting(database: Database, statement: str) -> Iterator[None]:
    """Make two transactions wait for each other before such a statement. If both cannot reach it, as on SQLite, they
    continue one after the other."""
    both = threading.Barrier(2)

    def wait(_connection: Any, _cursor: Any, text: str, *_: Any) -> None:
        if text.startswith(statement):
            with suppress(threading.BrokenBarrierError):
                both.wait(1)

    event.listen(database.engine, "before_cursor_execute", wait)
    yield
    event.remove(database.engine, "before_cursor_execute", wait)


def twice(service: Service, statement: str, send: Callable[[], httpx.Response]) -> list[httpx.Response]:
    with meeting(service.database, statement), ThreadPoolExecutor(2) as threads:
        both = [threads.submit(send) for _ in range(2)]
        return sorted((answer.result() for answer in both), key=lambda answer: answer.status_code)


def test_one_key_at_the_same_moment_makes_one_run(client: TestClient, service: Service) -> None:
    source = queue(client, SMALL)
    for number, (path, body) in enumerate((("/runs", SMALL), (f"/runs/{source}/again", {"seed": 1}))):
        headers = {"Idempotency-Key": f"at once {number}"}

        def send(path: str = path, body: Any = body, headers: Any = headers) -> httpx.Response:
            return client.post(path, json=body, headers=headers)

        found, made = twice(service, "INSERT INTO idempotency_keys", send)
        assert (found.status_code, made.status_code) == (200, 202), (found.text, made.text)
        assert found.json()["id"] == made.json()["id"] and found.headers["Location"] == made.headers["Location"]
    assert len(client.get("/runs").json()["items"]) == 3


def test_one_key_at_the_same_moment_makes_one_dataset(client: TestClient, service: Service, settings: Settings) -> None:
    archive = zipped(LECTURE)
    found, made = twice(
        service, "INSERT INTO datasets", lambda: upload(client, "letters", archive, **{"Idempotency-Key": "k"})
    )
    assert (found.status_code, made.status_code) == (200, 202), (found.text, made.text)
    assert found.json()["id"] == made.json()["id"]
    assert {Path(file).parts[1] for file in stored(settings)} == {made.json()["id"]}


def test_one_name_at_the_same_moment_is_two_versions(client: TestClient, service: Service) -> None:
    answers = twice(service, "INSERT INTO datasets", lambda: upload(client, "letters", zipped(LECTURE)))
    assert [answer.status_code for answer in answers] == [202, 202]
    assert {answer.json()["version"] for answer in answers} == {1, 2}


def test_one_of_the_catalogue_is_fetched_once(client: TestClient, service: Service) -> None:
    answers = twice(service, "INSERT INTO datasets", lambda: client.post("/datasets/catalogue/mnist"))
    assert sorted(answer.status_code for answer in answers) == [200, 202]
    assert len({answer.json()["id"] for answer in answers}) == 1


def test_a_run_is_resumed_once(client: TestClient, service: Service) -> None:
    run = queue(client, SMALL)
    client.post(f"/runs/{run}/pause")
    resumed, refused = twice(service, "UPDATE runs", lambda: client.post(f"/runs/{run}/resume"))
    assert (resumed.status_code, refused.status_code) == (202, 409), (resumed.text, refused.text)


def test_a_name_that_is_pointed_at_two_runs_at_the_same_moment_points_at_one(
    client: TestClient, service: Service
) -> None:
    with service.database.write() as db:
        for run in ("run_a", "run_b"):
            insert_run(db, run, weights="runs/a/1/weights-1.safetensors")
    runs = iter(("run_a", "run_b"))
    answers = twice(
        service, "INSERT INTO model_versions", lambda: client.put("/models/letters", json={"run": next(runs)})
    )
    assert [answer.status_code for answer in answers] in ([200, 409], [200, 200])  # SQLite runs them in turn


def test_no_transaction_waits_for_the_files_of_a_dataset(
    client: TestClient, settings: Settings, service: Service
) -> None:
    held: Counter[int] = Counter()  # connections by thread: others may read at the same time, such as the keys
    open_meanwhile: list[int] = []

    class Watched(LocalFiles):
        def local(self, name: str) -> Path:
            open_meanwhile.append(held[threading.get_ident()])
            return super().local(name)

    event.listen(service.database.engine, "checkout", lambda *_: held.update([threading.get_ident()]))
    event.listen(service.database.engine, "checkin", lambda *_: held.subtract([threading.get_ident()]))
    client.app.state.files = Watched(settings.files)  # type: ignore[attr-defined]
    queue(client, SMALL)
    assert open_meanwhile and set(open_meanwhile) == {0}
