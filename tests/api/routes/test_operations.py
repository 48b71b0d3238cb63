from fastapi.testclient import TestClient
from sqlalchemy import update

from app.storage.database import database_now
from app.storage.queue import workers as storage
from app.storage.tables import Worker
from tests.support.runs import ENDLESS, ended, queue, until_step
from tests.support.services import Service
from tests.support.workers import Workers


def test_a_worker_says_what_it_trains_and_where(client: TestClient, workers: Workers) -> None:
    workers.start()
    run = queue(client, ENDLESS)
    until_step(client, run, 1)
    (worker,) = client.get("/workers").json()["items"]
    assert worker["runs"] == [run] and worker["device"] == "cpu" and worker["heartbeat_at"] >= worker["started_at"]
    client.post(f"/runs/{run}/cancel")
    ended(client, run)


def test_a_worker_that_fell_silent_is_not_said_to_be_alive(client: TestClient, service: Service) -> None:
    database = service.database
    with database.write() as db:
        storage.register(db, "elsewhere-1", 1, database_now())
    assert [worker["id"] for worker in client.get("/workers").json()["items"]] == ["elsewhere-1"]
    for seconds, left in ((31, 1), (86_401, 0)):
        with database.write() as db:
            db.execute(update(Worker).values(heartbeat_at=database_now() - seconds))
        assert client.get("/workers").json()["items"] == []
        with database.write() as db:
            storage.register(db, f"here-{seconds}", 1, database_now())
            storage.forget(db, f"here-{seconds}")
            assert db.query(Worker).count() == left
