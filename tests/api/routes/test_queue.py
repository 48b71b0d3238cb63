"""`GET /queue` says who waits, why, and until when."""

import re
from datetime import datetime
from typing import Any

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import select

from app.storage.database import database_now
from app.storage.queue import turns
from app.storage.queue import workers as registry
from app.storage.queue.run_claims import run_claims
from tests.support.commands import antigrad
from tests.support.rows import A_REQUEST, insert_run, owned_run
from tests.support.runs import SMALL, queue
from tests.support.services import Service

pytestmark = pytest.mark.sql


@pytest.fixture
def now(service: Service) -> float:
    """The time at which a worker for two runs has shown that it is alive; it trains one."""
    with service.database.write() as db:
        now: float = db.execute(select(database_now())).scalar_one()
        registry.register(db, "w", 2, now)
        insert_run(db, "run_0", "running", worker="w", lease_expires_at=now + 60, progress={"eta_seconds": 5})
        insert_run(db, "run_1", progress={"seconds": 10}, finished_at=now)
    return now


def entries(client: TestClient) -> list[dict[str, Any]]:
    answer = client.get("/queue")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["items"]
    return found


def test_without_a_worker_nothing_is_promised(client: TestClient) -> None:
    run = queue(client, SMALL | {"name": "first"})
    [entry] = entries(client)
    assert (entry["run"], entry["name"], entry["position"]) == (run, "first", 1)
    assert entry["code"] == "waits_for_worker" and entry["estimated_start"] is None
    assert "antigrad worker" in entry["reason"]


def test_each_run_says_what_it_waits_for_and_when_it_should_start(
    client: TestClient, service: Service, now: float
) -> None:
    taken = queue(client, SMALL)
    assert entries(client)[0]["code"] == "waits_for_claim"  # one of the two places is free
    with service.database.write() as db:
        run_claims.claim(db, "w", now, 60)
    later, urgent = queue(client, SMALL), queue(client, SMALL | {"priority": 1})
    found = entries(client)
    assert [(entry["run"], entry["code"], entry["params"]) for entry in found] == [
        (urgent, "waits_for_place", {"places": 2}),
        (later, "waits_behind", {"several": False, "ahead": 1, "urgent": 1, "others": 0}),
    ]
    assert found[1]["reason"] == "one waiting run comes first, 1 with a higher priority"
    starts = [datetime.fromisoformat(entry["estimated_start"]).timestamp() - now for entry in found]
    assert starts == pytest.approx([5, 10], abs=2)
    assert taken not in [entry["run"] for entry in found]


def test_a_run_whose_worker_has_gone_waits_to_continue(client: TestClient, service: Service, now: float) -> None:
    with service.database.write() as db:
        insert_run(db, "run_2", "running", worker="gone", lease_expires_at=now - 1)
    [entry] = entries(client)
    assert entry["code"] == "waits_to_continue" and "gone" in entry["reason"]


def test_the_pages_have_the_order_in_which_runs_are_claimed(client: TestClient, service: Service) -> None:
    with service.database.write() as db:
        for number in range(14):
            owner = ("ann", "bob", "")[number * number % 3]
            run = owned_run(db, owner, A_REQUEST | {"priority": number % 2})
            turns.charge(db, run.id, 0.3 * number)
    seen: list[str] = []
    cursor: str | None = None
    while True:
        page = client.get("/queue", params={"limit": 3} | ({"cursor": cursor} if cursor else {})).json()
        seen += [entry["run"] for entry in page["items"]]
        assert page["waiting"] == 14
        if (cursor := page["next"]) is None:
            break
    assert [client.get(f"/runs/{run}").json()["queue"]["position"] for run in seen] == list(range(1, 15))
    with service.database.write() as db:
        registry.register(db, "w", 1, db.execute(select(database_now())).scalar_one())
        insert_run(db, "run_0", "running", worker="w", lease_expires_at=2e12)
    last = client.get("/queue").json()["items"][-1]
    assert re.fullmatch(r"13 waiting runs come first, 7 with a higher priority, \d+ of other owners", last["reason"])
    claimed = []
    with service.database.write() as db:
        while (run := run_claims.claim(db, "w", 0.0, 1e12)) is not None:
            claimed.append(run.id)
    assert claimed == seen


def test_a_page_goes_on_where_it_ended_although_a_run_was_claimed(client: TestClient, service: Service) -> None:
    with service.database.write() as db:
        for owner in ("ann", "bob") * 3:
            owned_run(db, owner)
    whole = [entry["run"] for entry in entries(client)]
    first = client.get("/queue", params={"limit": 2}).json()
    with service.database.write() as db:
        run_claims.claim(db, "w", 0.0, 1e12)
    rest = client.get("/queue", params={"cursor": first["next"]}).json()
    assert [entry["run"] for entry in first["items"] + rest["items"]] == whole


@pytest.mark.parametrize("cursor", ["x", "0,0,0", "0,nan,0,run_1,", "0,0,x,run_1,", "1e999,0,0,,"])
def test_a_cursor_of_another_list_is_refused_or_harmless(quick_client: TestClient, cursor: str) -> None:
    answer = quick_client.get("/queue", params={"cursor": cursor})
    assert answer.status_code in (200, 422)
    assert answer.status_code == 200 or answer.json()["code"] == "cursor_malformed"


def test_the_command_shows_the_queue(address: str) -> None:
    antigrad(address, "train", "digits", "--epochs", "1000000", "--no-wait")
    waits = antigrad(address, "train", "digits", "--epochs", "1000000", "--no-wait", "--name", "patient").stdout.strip()
    shown = antigrad(address, "queue", COLUMNS="200").stdout
    assert waits in shown and "patient" in shown and "places of the workers: 1" in shown
