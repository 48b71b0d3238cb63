"""`GET /audit`: every change of a person is logged with its owner and key, and no refused one."""

import json
from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from app.access import Scope
from app.storage import keys
from app.storage.audit import Action
from app.storage.tables import Run
from tests.support.commands import antigrad
from tests.support.keys import Key, bearer, new_key, revoke, until_known
from tests.support.runs import SMALL
from tests.support.served import insert_network
from tests.support.services import KEY, Service, Template


@pytest.fixture
def locked(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with template.client(tmp_path_factory.mktemp("service") / "home", api_key=KEY) as client:
        yield client


@pytest.fixture
def service(locked: TestClient) -> Service:
    return Service.of(locked)


@pytest.fixture
def key(locked: TestClient, service: Service) -> Key:
    made = new_key(service.database, "s1", Scope.READ, Scope.TRAIN, Scope.PREDICT)
    until_known(locked, made)
    return made


def test_every_change_is_logged_once(locked: TestClient, service: Service, key: Key) -> None:
    def send(method: str, path: str, **options: object) -> dict:
        answer = locked.request(method, path, headers=key.headers, **options)  # type: ignore[arg-type]
        assert answer.is_success, answer.text
        return answer.json() if answer.content else {}

    run = send("POST", "/runs", json=SMALL)["id"]
    send("POST", f"/runs/{run}/pause")
    send("POST", f"/runs/{run}/resume")
    send("POST", f"/runs/{run}/cancel")
    send("POST", f"/runs/{run}/cancel")  # a second time changes nothing
    send("PATCH", f"/runs/{run}", json={"name": "first"})
    dataset = send("POST", "/datasets?name=numbers&target=y", content=b"x,y\n1,2\n")["id"]
    send("POST", f"/datasets/{dataset}/cancel")
    send("DELETE", f"/datasets/{dataset}")
    insert_network(service.database, service.files, "run_trained")
    with service.database.write() as db:
        db.execute(update(Run).where(Run.id == "run_trained").values(owner="s1"))
    for _ in range(2):
        send("PUT", "/models/letters", json={"run": "run_trained"})
    send("DELETE", "/models/letters")
    batch = send("POST", "/batches", json={"dataset": "digits", "run": "run_trained"})["id"]
    send("DELETE", f"/batches/{batch}")
    share = send("POST", "/runs/run_trained/share")["id"]
    send("DELETE", f"/shares/{share}")
    send("DELETE", f"/runs/{run}")
    sweep = send("POST", "/sweeps", json={"base": SMALL, "grid": {"optimizer.lr": [0.1]}})["id"]
    send("PATCH", f"/sweeps/{sweep}", json={"parallel": 1})
    for _ in range(2):
        send("POST", f"/sweeps/{sweep}/cancel")
    send("DELETE", f"/sweeps/{sweep}")
    expected = [("run.create", run), ("run.pause", run), ("run.resume", run), ("run.cancel", run),
                ("run.change", run),
                ("dataset.create", dataset), ("dataset.cancel", dataset), ("dataset.delete", dataset),
                ("model.point", "letters"), ("model.delete", "letters"),
                ("batch.create", batch), ("batch.delete", batch),
                ("share.create", share), ("share.delete", share), ("run.delete", run),
                *((f"sweep.{change}", sweep) for change in ("create", "change", "cancel", "delete"))]  # fmt: skip
    items = locked.get("/audit?owner=s1", headers=bearer(KEY)).json()["items"]
    assert [(item["action"], item["target"]) for item in reversed(items)] == expected
    assert {(item["owner"], item["key"]) for item in items} == {("s1", key.id)}
    with service.database.write() as db:
        keys.limit(db, key.id, {"runs": 3}, ())
    revoke(service.database, key)
    everything = locked.get("/audit?limit=200", headers=bearer(KEY)).json()["items"]
    assert {item["action"] for item in everything} == set(Action)
    assert [item["target"] for item in everything if item["action"].startswith("key.")] == [key.id] * 3


def test_a_refused_change_is_not_logged(locked: TestClient, key: Key) -> None:
    before = locked.get("/audit", headers=bearer(KEY)).json()
    run = locked.post("/runs", json=SMALL, headers=bearer(KEY)).json()["id"]
    assert locked.post(f"/runs/{run}/cancel", headers=key.headers).status_code == 403
    assert locked.post("/runs", json=SMALL | {"dataset": "none"}, headers=key.headers).status_code == 404
    assert locked.delete("/datasets/digits", headers=key.headers).status_code == 409
    items = locked.get("/audit", headers=bearer(KEY)).json()["items"]
    assert [(item["action"], item["target"], item["owner"]) for item in items[: -len(before["items"])]] == [
        ("run.create", run, None)
    ]
    assert items[0]["key"].startswith("settings_")


def test_the_pages_are_stable_and_whole(locked: TestClient) -> None:
    runs = [locked.post("/runs", json=SMALL, headers=bearer(KEY)).json()["id"] for _ in range(5)]
    cancelled = locked.post("/runs/cancel?status=queued", headers=bearer(KEY)).json()["cancelled"]
    seen, cursor = [], None
    while True:
        params = {"limit": "3"} | ({} if cursor is None else {"cursor": cursor})
        page = locked.get("/audit", params=params, headers=bearer(KEY)).json()
        seen += [(item["action"], item["target"]) for item in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break
    assert cancelled == 5 and len(seen) == len(set(seen)) == 10
    assert {target for action, target in seen if action == "run.cancel"} == set(runs)


def test_the_command_line_lists_the_log(address: str) -> None:
    run = antigrad(address, "train", "digits", "--epochs", "1", "--no-wait").stdout.strip()
    listed = json.loads(antigrad(address, "audit", "--limit", "200", "--json").stdout)["items"]
    assert ("run.create", run) in [(item["action"], item["target"]) for item in listed]
    assert run in antigrad(address, "audit").stdout
