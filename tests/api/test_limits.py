"""A key uses no more than its limits, also by requests at the same moment."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr
from sqlalchemy import update

from app.access import Scope
from app.settings import Settings
from app.storage import keys
from app.storage.tables import Run
from tests.support.archives import letters, npy, zipped
from tests.support.keys import Key, bearer, new_key
from tests.support.runs import SMALL
from tests.support.served import insert_network
from tests.support.services import KEY, Service, client_of

pytestmark = pytest.mark.sql
STUDENT = (Scope.READ, Scope.PREDICT, Scope.TRAIN)
NewKey = Callable[..., Key]


@pytest.fixture
def client(settings: Settings) -> Iterator[TestClient]:
    settings.api_key = SecretStr(KEY)
    with client_of(settings) as client:
        yield client


@pytest.fixture
def limited(client: TestClient, service: Service) -> NewKey:
    """Create a key of the owner s1 with these limits, which the service knows."""

    def create(**limits: float | None) -> Key:
        key = new_key(service.database, "s1", *STUDENT)
        with service.database.write() as db:
            keys.limit(db, key.id, limits, ())
        while client.get("/me", headers=key.headers).status_code == 401:
            pass
        return key

    return create


def post(client: TestClient, key: Key, **changes: Any) -> httpx.Response:
    answer: Any = client.post("/runs", json=SMALL | changes, headers=key.headers)
    return answer


def refused(answer: httpx.Response, code: str) -> dict[str, Any]:
    assert (answer.status_code, answer.json()["code"]) == (429, code), answer.text
    assert int(answer.headers["Retry-After"]) >= 1
    found: dict[str, Any] = answer.json()
    return found


def never(answer: httpx.Response, code: str) -> Any:
    """The parameters of a refusal that no waiting changes."""
    assert (answer.status_code, answer.json()["code"]) == (422, code), answer.text
    assert "Retry-After" not in answer.headers
    return answer.json()["params"]


def test_an_owner_has_no_more_runs_in_flight_than_allowed(client: TestClient, limited: NewKey) -> None:
    key = limited(runs=2)
    first = post(client, key).json()["id"]
    assert post(client, key).status_code == 202
    assert refused(post(client, key), "limit_runs")["params"] == {"limit": 2, "count": 2, "number": 1}
    assert client.post("/runs", json=SMALL, headers=bearer(KEY)).status_code == 202  # an admin has no limits
    client.post(f"/runs/{first}/cancel", headers=key.headers)
    assert post(client, key).status_code == 202
    refused(client.post(f"/runs/{first}/resume", headers=key.headers), "limit_runs")
    lanes = {"run": SMALL, "optimizers": [{"name": "sgd"}, {"name": "adam"}]}
    refused(client.post("/optimizers/race", json=lanes, headers=key.headers), "limit_runs")
    lanes["optimizers"] = [{"name": name} for name in ("sgd", "adam", "momentum")]
    params = never(client.post("/optimizers/race", json=lanes, headers=key.headers), "over_limit_runs")
    assert params == {"number": 3, "limit": 2}


def test_a_batch_counts_as_a_run_until_it_has_ended_and_with_its_bytes(
    client: TestClient, service: Service, settings: Settings, limited: NewKey
) -> None:
    insert_network(service.database, service.files, "run_served")
    content = npy(np.zeros((5, 28, 28), np.uint8))

    def batch(key: Key) -> httpx.Response:
        headers = key.headers | {"Content-Type": "application/octet-stream"}
        answer: Any = client.post("/batches?run=run_served", content=content, headers=headers)
        return answer

    key = limited(runs=1)
    first = batch(key).json()["id"]
    refused(batch(key), "limit_runs")
    of_dataset = {"run": "run_served", "dataset": "digits"}
    refused(client.post("/batches", json=of_dataset, headers=key.headers), "limit_runs")
    refused(post(client, key), "limit_runs")
    assert [folder.name for folder in (settings.files / "batches").iterdir()] == [first]
    assert client.delete(f"/batches/{first}", headers=key.headers).status_code == 204
    assert post(client, key).status_code == 202
    small = limited(bytes=len(content) + 100)
    assert batch(small).status_code == 202
    assert refused(batch(small), "limit_bytes")["params"] == {"limit": len(content) + 100, "bytes": len(content)}
    smaller = limited(bytes=100)
    assert never(batch(smaller), "over_limit_bytes") == {"limit": 100, "number": len(content)}


def test_requests_at_the_same_moment_are_counted_one_by_one(client: TestClient, limited: NewKey) -> None:
    key = limited(runs=3)
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: post(client, key), range(12)))
    assert sorted(answer.status_code for answer in answers) == [202] * 3 + [429] * 9


def test_a_run_gets_the_limits_of_time_and_steps_and_no_more(client: TestClient, limited: NewKey) -> None:
    key = limited(seconds=60.5, steps=1000, priority=0)
    stop = post(client, key).json()["request"]["stop"]
    assert (stop["max_seconds"], stop["max_steps"], stop["max_epochs"]) == (60.5, 1000, 3)
    assert post(client, key, stop={"max_seconds": 60.5, "max_steps": 10}).status_code == 202
    over = refused(post(client, key, stop={"max_seconds": 61}), "limit_seconds")
    assert over["fix"] == {"field": "/stop/max_seconds", "value": 60.5}
    refused(post(client, key, stop={"max_steps": 1001}), "limit_steps")
    assert refused(post(client, key, priority=1), "limit_priority")["fix"]["value"] == 0
    run = post(client, key, priority=-5).json()["id"]
    client.post(f"/runs/{run}/cancel", headers=key.headers)
    longer = client.post(f"/runs/{run}/resume", json={"stop": {"max_steps": 2000}}, headers=key.headers)
    refused(longer, "limit_steps")


def test_an_owner_stores_no_more_than_allowed(client: TestClient, service: Service, limited: NewKey) -> None:
    content = zipped(letters(each=2))
    key = limited(bytes=2 * len(content))

    def upload(name: str) -> httpx.Response:
        answer: Any = client.post("/datasets", params={"name": name}, content=content, headers=key.headers)
        return answer

    assert upload("one").json()["bytes"] == len(content)
    run = post(client, key).json()["id"]
    with service.database.write() as db:
        db.execute(update(Run).where(Run.id == run).values(bytes=len(content) - 1))
    params = refused(upload("two"), "limit_bytes")["params"]
    assert params == {"limit": 2 * len(content), "bytes": 2 * len(content) - 1}
    assert post(client, key).status_code == 202  # a byte is left
    with service.database.write() as db:
        db.execute(update(Run).where(Run.id == run).values(bytes=len(content)))
    refused(post(client, key), "limit_bytes")
    refused(upload("three"), "limit_bytes")
    client.post(f"/runs/{run}/cancel", headers=key.headers)
    client.delete(f"/runs/{run}", headers=key.headers)
    assert upload("four").status_code == 202


def test_a_key_predicts_no_more_often_than_allowed(client: TestClient, service: Service, limited: NewKey) -> None:
    insert_network(service.database, service.files, "run_served")
    key = limited(predictions=0.01)  # one in 100 seconds
    inputs = [[0.0] * 784]

    def predict(count: int) -> httpx.Response:
        body = {"instances": inputs * count}
        answer: Any = client.post("/predict?run=run_served", json=body, headers=key.headers)
        return answer

    assert never(predict(2), "over_limit_predictions") == {"limit": 0.01, "number": 2, "most": 1}
    assert predict(1).status_code == 200  # what was refused is not counted
    assert int(predict(1).headers["Retry-After"]) > 2
    refused(predict(1), "limit_predictions")
    body = {"instances": inputs}
    assert client.post("/predict?run=run_served", json=body, headers=bearer(KEY)).status_code == 200


def test_the_settings_give_the_limits_that_a_key_has_not(settings: Settings) -> None:
    settings.api_key, settings.limit_runs, settings.limit_steps = SecretStr(KEY), 4, 100
    with client_of(settings) as client:
        database = Service.of(client).database
        key = new_key(database, "s1", *STUDENT)
        with database.write() as db:
            keys.limit(db, key.id, {"steps": None, "priority": 3}, ())
        while client.get("/me", headers=key.headers).status_code == 401:
            pass
        limits = client.get("/me", headers=key.headers).json()["limits"]
        assert limits == {"runs": 4, "seconds": None, "steps": None, "bytes": None, "predictions": None, "priority": 3}
        with database.write() as db:
            keys.limit(db, key.id, {"runs": 1}, ["priority"])
        while (limits := client.get("/me", headers=key.headers).json()["limits"])["runs"] != 1:
            pass
        assert limits["priority"] is None and limits["steps"] is None
        of_admin = client.get("/me", headers=bearer(KEY)).json()["limits"]
        assert set(of_admin.values()) == {None}
