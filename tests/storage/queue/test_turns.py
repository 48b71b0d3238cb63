"""Owners share the workers fairly: on a virtual clock, through the real claims, on both databases."""

import heapq
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, insert, select
from sqlalchemy.orm import Session

from app.constants import RunStatus
from app.storage import migrate, runs
from app.storage.database import Database
from app.storage.ids import new_id
from app.storage.queue import turns
from app.storage.queue.batch_claims import OF_A_TURN, batch_claims
from app.storage.queue.run_claims import run_claims
from app.storage.tables import OwnerTurn, Run
from tests.support.queue_database import queue_database
from tests.support.rows import A_REQUEST, owned_batch, owned_run

pytestmark = pytest.mark.sql
LEASE = 1e9
EMPTY: dict[str, Any] = {key: {} for key in ("request", "tags", "environment", "progress", "metrics")}


@pytest.fixture(params=["sqlite", "postgres"])
def database(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Database]:
    yield from queue_database(request, tmp_path, "digits")


class Simulation:
    """Workers that train on a virtual clock. Each run takes as long as its owner's runs do."""

    def __init__(self, database: Database, workers: int, seconds: dict[str, float]) -> None:
        self.database, self.seconds, self.now = database, seconds, 0.0
        self.free = workers
        self.training: list[tuple[float, str, int]] = []  # end, run, attempt
        self.served: Counter[str] = Counter()
        self.started: dict[str, float] = {}

    def queue(self, owner: str, count: int, **request: Any) -> list[str]:
        with self.database.write() as db:
            return [owned_run(db, owner, A_REQUEST | request).id for _ in range(count)]

    def step(self) -> None:
        """Claim for every free worker, then let the next run end."""
        while self.free and self._claim():
            self.free -= 1
        self.now, run, attempt = heapq.heappop(self.training)
        self.free += 1
        with self.database.write() as db:
            owner = runs.get(db, run).owner
            seconds = self.seconds[owner]
            turns.charge(db, run, seconds)
            run_claims.end(db, run, attempt, RunStatus.SUCCEEDED, progress={"seconds": seconds})
        self.served[owner] += seconds

    def _claim(self) -> bool:
        with self.database.write() as db:
            run = run_claims.claim(db, "worker", self.now, LEASE)
            if run is None:
                return False
            self.started[run.id] = self.now
            heapq.heappush(self.training, (self.now + self.seconds[run.owner], run.id, run.attempt))
            return True


def jain(shares: list[float]) -> float:
    """Jain's index of fairness: 1 if all shares are equal, 1/n if one has all."""
    return sum(shares) ** 2 / (len(shares) * sum(share**2 for share in shares))


@pytest.mark.parametrize("workers", [pytest.param(1, marks=pytest.mark.long), 3])
def test_ten_owners_get_equal_shares_however_long_their_runs_are_and_however_many_wait(
    database: Database, workers: int
) -> None:
    lengths = {f"s{number}": float(length) for number, length in enumerate([1, 2, 2, 3, 3, 4, 4, 5, 5, 5])}
    simulation = Simulation(database, workers, lengths)
    for number, owner in enumerate(lengths):
        simulation.queue(owner, int(20 / lengths[owner]) + 1 + number % 4)
    while sum(simulation.served.values()) < 170:
        simulation.step()
    assert jain([simulation.served[owner] for owner in lengths]) >= 0.95


def test_one_run_beside_ten_thousand_starts_within_two_runs(database: Database) -> None:
    simulation = Simulation(database, 1, {"crowd": 10.0, "ann": 10.0})
    simulation.queue("crowd", 1)
    with database.write() as db:
        row = EMPTY | {"owner": "crowd", "status": "queued", "task": "classification", "dataset": "digits"}
        db.execute(insert(Run), [row | {"id": new_id("run"), "created_at": 0.0} for _ in range(10_000)])
    for _ in range(3):
        simulation.step()
    queued = simulation.now
    [mine] = simulation.queue("ann", 1)
    with database.read() as db:
        assert run_claims.position(db, runs.get(db, mine), simulation.now) <= 2
    while mine not in simulation.started:
        simulation.step()
    assert simulation.started[mine] - queued <= 2 * 10.0


def test_idle_time_is_not_saved_up(database: Database) -> None:
    simulation = Simulation(database, 1, {"ann": 10.0, "bob": 10.0})
    simulation.queue("ann", 1)
    simulation.step()
    simulation.queue("bob", 12)
    for _ in range(8):
        simulation.step()
    simulation.queue("ann", 6)  # after 80 seconds of bob's
    before = Counter(simulation.served)
    for _ in range(6):
        simulation.step()
    assert simulation.served - before == {"ann": 30.0, "bob": 30.0}


def test_a_priority_comes_before_any_turn(database: Database) -> None:
    simulation = Simulation(database, 1, {"ann": 10.0, "bob": 10.0})
    simulation.queue("ann", 3)
    for _ in range(2):
        simulation.step()
    simulation.queue("bob", 1)
    [urgent] = simulation.queue("ann", 1, priority=1)
    simulation.step()
    assert urgent in simulation.started


def test_a_claim_looks_at_no_more_runs_than_there_are_owners(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'queue.db'}")
    migrate.upgrade(database)
    statements: list[tuple[str, Any]] = []
    with database.write() as db:
        for owner in ("ann", "bob"):
            owned_run(db, owner)
    event.listen(database.engine, "before_cursor_execute", lambda *call: statements.append((call[2], call[3])))
    with database.write() as db:
        assert run_claims.claim(db, "worker", 0.0, LEASE) is not None
        for statement, parameters in statements[1:]:  # after BEGIN
            for step in plan(db, statement, parameters):
                assert "ORDER BY" not in step, (statement, step)  # nothing is sorted
                if "runs" in step:
                    assert ("ix_runs" in step and "SEARCH" in step) or "LIMIT" in statement, (statement, step)
    database.close()


def plan(db: Session, statement: str, parameters: Any) -> list[str]:
    return [row[3] for row in db.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)]


def test_an_owner_s_turn_is_kept_when_its_runs_are_deleted(database: Database) -> None:
    simulation = Simulation(database, 1, {"ann": 10.0})
    simulation.queue("ann", 1)
    simulation.step()
    with database.read() as db:
        assert db.scalars(select(OwnerTurn.served)).one() == 10.0


def served_batches(database: Database, count: int) -> list[str]:
    """The owners of the next batches, each of which succeeds."""
    owners = []
    for _ in range(count):
        with database.write() as db:
            batch = batch_claims.claim(db, "worker", 0.0, LEASE)
            assert batch is not None
            owners.append(batch.owner)
            batch_claims.succeed(db, batch.id, batch.attempt, "result", 1, {})
    return owners


def test_batches_of_several_owners_come_in_turns(database: Database) -> None:
    def queue(owner: str, count: int) -> None:
        with database.write() as db:
            for _ in range(count):
                owned_batch(db, owner)

    served = partial(served_batches, database)
    queue("crowd", 40)
    assert served(3) == ["crowd"] * 3
    queue("ann", 3)
    queue("bob", 1)
    assert Counter(served(5)) == {"crowd": 2, "ann": 2, "bob": 1}
    for _ in range(5):  # who asks again after each answer is neither ahead nor behind
        queue("bob", 1)
        assert "bob" in served(3)
    assert served(2) == ["crowd"] * 2


def test_a_batch_of_many_inputs_takes_as_many_turns_as_the_others_of_them(database: Database) -> None:
    with database.write() as db:
        for _ in range(2):
            owned_batch(db, "crowd", 3 * OF_A_TURN)
        for inputs in (1, OF_A_TURN, OF_A_TURN + 1, 1):
            owned_batch(db, "ann", inputs)
    assert served_batches(database, 6) == ["crowd", "ann", "ann", "ann", "crowd", "ann"]
