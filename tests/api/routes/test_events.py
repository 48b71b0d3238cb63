"""Server-sent events: each point exactly once, even if the client reconnects."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jsonschema
import pytest
from fastapi.concurrency import run_in_threadpool
from fastapi.testclient import TestClient
from sqlalchemy.orm import Session

from app.access import EVERYBODY, Scope
from app.api.event_streams import Position, newest_queries, news_queries, watch, watch_newest
from app.storage.database import Database
from tests.support.keys import new_key, revoke, until_known
from tests.support.rows import insert_run
from tests.support.runs import ENDLESS, SMALL, ended, queue, until, until_step
from tests.support.services import Service
from tests.support.workers import Workers

LONGER = SMALL | {"stop": {"max_epochs": 15}}


def events(text: str) -> Iterator[tuple[str, str, dict]]:
    """Kind, id and data of each event."""
    for block in text.strip().split("\n\n"):
        if not block.startswith(":"):
            fields = dict(line.split(": ", 1) for line in block.splitlines())
            yield fields["event"], fields["id"], json.loads(fields["data"])


async def permitted() -> bool:
    return True


def steps(found: list[tuple[str, str, dict]], series: str = "train.loss") -> list[int]:
    return [step for kind, _, data in found if kind == "points" for step in data.get(series, {}).get("step", [])]


def test_a_live_view_sees_every_step_once_and_ends(client: TestClient, workers: Workers) -> None:
    run = queue(client, LONGER)
    workers.start()
    found = list(events(client.get(f"/runs/{run}/events").text))
    assert {kind for kind, _, _ in found} == {"status", "progress", "points", "done"}
    assert found[-1][0] == "done" and found[-1][2]["status"] == "succeeded"
    assert steps(found) == list(range(1, found[-1][2]["progress"]["step"] + 1))


def test_the_status_that_ends_a_run_comes_behind_its_last_points(client: TestClient, workers: Workers) -> None:
    run = queue(client, LONGER)
    workers.start()
    live = list(events(client.get(f"/runs/{run}/events").text))
    later = list(events(client.get(f"/runs/{run}/events").text))
    for found in (live, later):
        assert [kind for kind, _, _ in found[-3:]] == ["progress", "status", "done"]
        assert found[-2][2]["status"] == "succeeded" and steps(found[:-2]) == list(range(1, 15 * 36 + 1))
        rest = client.get(f"/runs/{run}/events", headers={"Last-Event-ID": found[-2][1]}).text
        assert [kind for kind, _, _ in events(rest)] == ["status", "done"]


def test_a_view_of_a_paused_run_has_its_points_first(client: TestClient, workers: Workers, service: Service) -> None:
    workers.start()
    run = queue(client, ENDLESS)
    until_step(client, run, 100)
    client.post(f"/runs/{run}/pause")
    until(client, run, "paused")

    async def up_to_status() -> list[tuple[str, str, Any]]:
        found = []
        async for event in watch(news_queries(service.database), EVERYBODY, [Position(run)], permitted):
            found.append((event.kind, str(event.position), event.data))
            if event.kind == "status":
                break
        return found

    *before, (_, _, status) = asyncio.run(up_to_status())
    assert status["status"] == "paused" and len(steps(before)) == client.get(f"/runs/{run}").json()["progress"]["step"]


def test_a_view_that_comes_back_has_no_gap_and_no_repeat(client: TestClient, workers: Workers) -> None:
    workers.start()
    run = queue(client, LONGER)
    last = ended(client, run)["progress"]["step"]
    whole = list(events(client.get(f"/runs/{run}/events").text))
    for seen in (100, 333, last):  # as for a client that was disconnected there
        epoch = 36 * (seen // 36)
        rest = list(events(client.get(f"/runs/{run}/events", headers={"Last-Event-ID": f"{seen}.{epoch}"}).text))
        assert steps(rest) == list(range(seen + 1, last + 1))
        assert steps(rest, "validation.loss") == [s for s in steps(whole, "validation.loss") if s > epoch]
    for place, (_, id, _) in enumerate(whole):  # disconnected after any event
        rest = list(events(client.get(f"/runs/{run}/events", headers={"Last-Event-ID": id}).text))
        assert steps(whole[: place + 1]) + steps(rest) == list(range(1, last + 1))
    assert client.get(f"/runs/{run}/events", headers={"Last-Event-ID": "then"}).status_code == 422


@pytest.mark.parametrize(
    ("path", "stream"), [("/runs/{id}/events", "/runs/{}/events"), ("/events", "/events?runs={},run_x")]
)
def test_each_event_is_what_the_document_says(client: TestClient, workers: Workers, path: str, stream: str) -> None:
    workers.start()
    run = queue(client, LONGER)
    ended(client, run)
    document = client.get("/openapi.json").json()
    operation = document["paths"][path]["get"]
    item = operation["responses"]["200"]["content"]["text/event-stream"]["itemSchema"]
    seen = set()
    for kind, id, data in events(client.get(stream.format(run)).text):
        event = {"event": kind, "id": id, "data": json.dumps(data)}
        jsonschema.validate(event, item | {"components": document["components"]})
        (content,) = (
            form["properties"]["data"]["contentSchema"]
            for form in item["oneOf"]
            if form["properties"]["event"]["const"] == kind
        )
        jsonschema.validate(data, content | {"components": document["components"]})
        seen.add(kind)
    assert seen == {"status", "points", "progress", "done", *(["gone"] if path == "/events" else [])}


def test_a_stream_ends_with_its_key(client: TestClient, service: Service) -> None:
    """The run is queued, so that its stream would stay open."""
    run = queue(client, SMALL)
    until_known(client, key := new_key(service.database, "s1", Scope.READ))
    with client.stream("GET", f"/runs/{run}/events", headers=key.headers) as answer:
        assert answer.status_code == 200
        revoke(service.database, key)
        assert [kind for kind, _, _ in events(answer.read().decode())] == ["status"]
    assert client.get(f"/runs/{run}", headers=key.headers).status_code == 401


def test_an_idle_stream_sends_pings(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fastapi.routing._PING_INTERVAL", 0.05)
    run = queue(client, SMALL)
    with client.stream("GET", f"/runs/{run}/events") as answer:
        assert answer.headers["X-Accel-Buffering"] == "no"
        pieces = answer.iter_text()
        assert any(": ping\n\n" in piece for piece in pieces)
        client.post(f"/runs/{run}/cancel")
        assert "event: done" in "".join(pieces)


def of_run(found: list[tuple[str, str, dict]], run: str) -> list[tuple[str, str, dict]]:
    """The events of one run of a stream of several, as its own stream has them."""
    return [(kind, data["at"], data["data"]) for kind, _, data in found if data["run"] == run]


@pytest.mark.long
def test_one_stream_has_the_events_of_several_runs(client: TestClient, workers: Workers) -> None:
    runs = [queue(client, LONGER | {"seed": seed}) for seed in range(3)]
    workers.start()
    live = list(events(client.get("/events", params={"runs": ",".join(runs)}).text))
    last = 15 * 36
    for run in runs:
        found = of_run(live, run)
        assert steps(found) == list(range(1, last + 1))
        assert [kind for kind, _, _ in found[-3:]] == ["progress", "status", "done"]
        assert found[-1][2] == client.get(f"/runs/{run}").json()


def test_a_stream_of_several_runs_continues_without_gap_or_repeat(client: TestClient, workers: Workers) -> None:
    workers.start()
    runs = [queue(client, LONGER | {"seed": seed}) for seed in range(3)]
    for run in runs:
        ended(client, run)
    address, last = "/events?runs=" + ",".join(runs), 15 * 36
    whole = list(events(client.get(address).text))
    for place, (_, id, _) in enumerate(whole):  # disconnected after any event
        rest = list(events(client.get(address, headers={"Last-Event-ID": id}).text))
        for run in runs:
            assert steps(of_run(whole[: place + 1], run)) + steps(of_run(rest, run)) == list(range(1, last + 1))
    some = f"/events?runs={runs[1]}@100.72,{runs[2]}"
    rest = list(events(client.get(some).text))
    assert steps(of_run(rest, runs[1])) == list(range(101, last + 1))
    assert steps(of_run(rest, runs[1]), "validation.loss") == list(range(108, last + 1, 36))
    assert steps(of_run(rest, runs[2])) == list(range(1, last + 1))


def test_runs_that_are_not_there_are_gone(client: TestClient, service: Service) -> None:
    first, other = (new_key(service.database, owner, Scope.READ, Scope.TRAIN) for owner in ("s1", "s2"))
    until_known(client, first, other)
    run = client.post("/runs", json=SMALL, headers=first.headers).json()["id"]
    found = list(events(client.get(f"/events?runs={run},run_x", headers=other.headers).text))
    assert [(kind, data["run"]) for kind, _, data in found] == [("gone", run), ("gone", "run_x")]
    with client.stream("GET", f"/events?runs={run}", headers=first.headers) as answer:
        pieces = answer.iter_text()
        ((kind, _, _),) = events(next(pieces))
        client.post(f"/runs/{run}/cancel", headers=first.headers)
        client.delete(f"/runs/{run}", headers=first.headers)
        mine = list(events("".join(pieces)))
    assert kind == "status" and mine[-1][0] in ("done", "gone")


@pytest.mark.parametrize(
    ("runs", "header", "code"),
    [
        (",".join(f"run_{n}" for n in range(101)), None, "runs_of_stream"),
        ("run_a,", None, "runs_of_stream"),
        ("run_a@12", None, "runs_of_stream"),
        ("", None, "runs_of_stream"),
        ("newest,run_a@1", None, "runs_of_stream"),
        ("run_a,run_a@1.1", None, "runs_repeat"),
        ("run_a,run_b", "1.1", "event_id_unknown"),
        ("run_a,run_b", "1.1,1", "event_id_unknown"),
    ],
)
def test_a_list_of_runs_that_makes_no_sense_is_refused(
    quick_client: TestClient, runs: str, header: str | None, code: str
) -> None:
    headers = {} if header is None else {"Last-Event-ID": header}
    answer = quick_client.get("/events", params={"runs": runs}, headers=headers)
    assert answer.status_code == 422 and answer.json()["errors"][0]["code"] == code, answer.text


def test_a_turn_of_a_stream_asks_once_for_all_runs(client: TestClient, service: Service) -> None:
    runs = [queue(client, SMALL) for _ in range(20)]
    reads = 0

    class Counted(Database):
        @contextmanager
        def read(self) -> Iterator[Session]:
            nonlocal reads
            reads += 1
            with super().read() as db:
                yield db

    database = Counted(service.database.url)

    async def first_turn() -> list[str]:
        found = []
        async for event in watch(news_queries(database), EVERYBODY, [Position(run) for run in runs], permitted):
            found.append(event.kind)
            if len(found) == len(runs):
                break
        return found

    assert asyncio.run(first_turn()) == ["status"] * 20 and reads == 1
    database.close()


def test_the_stream_of_the_newest_runs_says_what_changes(client: TestClient, service: Service) -> None:
    first, second = queue(client, SMALL), queue(client, SMALL)

    async def watched() -> list[tuple[str, str, Any]]:
        found: list[tuple[str, str, Any]] = []
        async for event in watch_newest(newest_queries(service.database), EVERYBODY, permitted):
            found.append((event.kind, event.position.run, (event.data or {}).get("status")))
            if len(found) == 4:
                await run_in_threadpool(client.post, f"/runs/{first}/cancel")
            if found[-1][2] == "cancelled":
                await run_in_threadpool(client.delete, f"/runs/{first}")
            if event.kind == "gone":
                break
        return found

    found = asyncio.run(watched())
    assert found[:4:2] == [("status", second, "queued"), ("status", first, "queued")]
    assert found[4:] == [("status", first, "cancelled"), ("gone", first, None)]


def test_the_stream_of_the_newest_runs_ends_with_its_key(client: TestClient, service: Service) -> None:
    until_known(client, key := new_key(service.database, "s1", Scope.READ))
    with client.stream("GET", "/events?runs=newest", headers=key.headers) as answer:
        assert answer.status_code == 200
        revoke(service.database, key)
        assert answer.read().decode().replace(": ping", "").strip() == ""


def test_a_viewer_who_leaves_amid_the_events_breaks_nothing(client: TestClient, service: Service) -> None:
    with service.database.write() as db:
        for number in range(100):
            insert_run(db, f"run_{number:03}")

    async def leave() -> None:
        has_an_event = asyncio.Event()

        async def receive() -> dict[str, Any]:
            await has_an_event.wait()
            for _ in range(100):
                await asyncio.sleep(0)  # the next ones come, and wait for the first to be sent
            return {"type": "http.disconnect"}

        async def send(message: dict[str, Any]) -> None:
            if message.get("body"):
                has_an_event.set()
                await asyncio.Event().wait()

        headers = [(b"host", b"localhost")]
        scope = {"type": "http", "method": "GET", "path": "/events", "query_string": b"runs=newest", "headers": headers}
        await client.app(scope, receive, send)

    assert client.portal is not None
    client.portal.call(leave)
