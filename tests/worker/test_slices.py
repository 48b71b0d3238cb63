"""A long run gives way to another owner's run, with real processes, and goes on."""

import pytest
from fastapi.testclient import TestClient
from sqlalchemy import update

from app.storage.queue import turns
from app.storage.queue.run_claims import run_claims
from app.storage.tables import Run
from tests.support.runs import ENDLESS, SMALL, ended, queue, until_step
from tests.support.services import Service
from tests.support.workers import Workers


@pytest.mark.long
def test_a_long_run_gives_way_and_goes_on_when_the_other_has_ended(
    client: TestClient, service: Service, workers: Workers
) -> None:
    workers.start(ANTIGRAD_SLICE_SECONDS="0.5")
    long = owned(service, "ann", queue(client, ENDLESS))
    until_step(client, long, 1)
    short = owned(service, "bob", queue(client, SMALL))
    assert ended(client, short)["status"] == "succeeded"
    until_step(client, long, client.get(f"/runs/{long}").json()["progress"]["step"] + 1)
    assert client.get(f"/runs/{long}").json()["attempt"] >= 2


def owned(service: Service, owner: str, run: str) -> str:
    with service.database.write() as db:
        db.execute(update(Run).where(Run.id == run).values(owner=owner))
        turns.join(db, owner, run, run_claims.is_open)
    return run
