"""Many watching clients do not block the service, and an unchanged answer is a 304."""

import asyncio

import httpx
from fastapi.testclient import TestClient

from app.main import create_app
from app.settings import Settings
from tests.support.runs import SMALL, ended, queue
from tests.support.workers import Workers

WATCHERS = 100  # more than the threads for handlers


def test_a_hundred_who_wait_and_a_hundred_who_watch_keep_nobody_waiting(settings: Settings) -> None:
    app = create_app(settings)

    async def class_of_students() -> None:
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost", timeout=60) as client:
            created = [(await client.post("/runs", json={"dataset": "digits"})).json()["id"] for _ in range(10)]
            waiting = [
                asyncio.create_task(client.get(f"/runs/{created[n % 10]}", params={"wait": 50}))
                for n in range(WATCHERS)
            ]
            watching = [asyncio.create_task(client.get(f"/runs/{created[n % 10]}/events")) for n in range(WATCHERS)]
            await asyncio.sleep(1)
            for path in ("/healthz", "/runs", f"/runs/{created[0]}", "/datasets"):
                assert (await client.get(path)).status_code == 200
            # While they held the threads, these answers came only after the others had waited their 50 s.
            assert not any(task.done() for task in (*waiting, *watching))
            for run in created:
                await client.post(f"/runs/{run}/cancel")
            answers = await asyncio.gather(*waiting)
            assert {answer.json()["status"] for answer in answers} == {"cancelled"}
            streams = await asyncio.gather(*watching)
            assert all("event: done" in stream.text for stream in streams)

    asyncio.run(class_of_students())
    app.state.database.close()


def test_a_curve_that_has_not_grown_answers_304(client: TestClient, workers: Workers) -> None:
    run = queue(client, SMALL)
    empty = client.get(f"/runs/{run}/curve")
    unchanged = client.get(f"/runs/{run}/curve", headers={"If-None-Match": empty.headers["etag"]})
    assert unchanged.status_code == 304 and not unchanged.content
    workers.start()
    ended(client, run)
    whole = client.get(f"/runs/{run}/curve", headers={"If-None-Match": empty.headers["etag"]})
    assert whole.status_code == 200 and whole.json()["points"] > 0
    weak = {"If-None-Match": f'"other", W/{whole.headers["etag"]}'}  # as a compressing proxy sends it
    assert client.get(f"/runs/{run}/curve", headers=weak).status_code == 304
    assert client.get(f"/runs/{run}/curve", params={"points": 2}, headers=weak).status_code == 200


def test_a_series_that_no_run_has_is_refused_with_those_there_are(client: TestClient) -> None:
    run = queue(client, SMALL)
    assert client.get(f"/runs/{run}/curve", params={"series": "validation.accuracy"}).status_code == 200  # not yet
    refused = client.get(f"/runs/{run}/curve", params={"series": "train.los"})
    assert refused.status_code == 422 and "did you mean 'train.loss'" in refused.json()["detail"]
