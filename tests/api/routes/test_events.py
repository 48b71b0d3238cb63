"""Server-sent events: each point exactly once, even if the client reconnects."""

import asyncio
import json
from collections.abc import Iterator

from fastapi.testclient import TestClient

from app.api.routes.events import Position, news_queries, stream
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

    async def up_to_status() -> list[str]:
        found = []
        async for event in stream(news_queries(service.database), Position(run, 0, 0)):
            found.append(f"event: {event.event}\nid: {event.id}\ndata: {event.raw_data}\n\n")
            if event.event == "status":
                break
        return found

    *before, (_, _, status) = events("".join(asyncio.run(up_to_status())))
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
