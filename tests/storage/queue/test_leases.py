"""The queue against a model of it: whatever happens in whatever order, one attempt at a time holds a run."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    MultipleResults,
    RuleBasedStateMachine,
    initialize,
    invariant,
    multiple,
    rule,
    run_state_machine_as_test,
)
from sqlalchemy import delete, event, select

from app.errors import Conflict
from app.storage import migrate, runs
from app.storage.database import Database
from app.storage.queue import leases
from app.storage.queue.leases import MAX_DEATHS, LeaseLost
from app.storage.tables import ENDED, Dataset, Run

pytestmark = pytest.mark.sql

LEASE = 30.0
REQUEST = {"name": None, "dataset": "letters", "tags": {}, "priority": 0}


@dataclass
class Modelled:
    """What the run has to look like."""

    status: str = "queued"
    attempt: int = 0
    worker: str | None = None
    expires: float = 0.0
    deaths: int = 0
    wanted: str | None = None
    marks: int = 0  # what its attempts have written


@dataclass(frozen=True)
class Held:
    """What a worker believes that it holds; it may be wrong by now."""

    run: str
    attempt: int
    worker: str


class Queue(RuleBasedStateMachine):
    """Claims, time, heartbeats, results, cancels and crashes in any order."""

    database: Database
    runs_made: Bundle[str] = Bundle("runs_made")
    claims: Bundle[Held] = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.model: dict[str, Modelled] = {}
        with self.database.write() as db:
            db.execute(delete(Run))

    def holds(self, held: Held) -> bool:
        run = self.model[held.run]
        return run.status == "running" and run.attempt == held.attempt

    def waits(self, run: Modelled) -> bool:
        return run.status == "queued" or (run.status == "running" and run.expires < self.now)

    def leaves(self, run: Modelled) -> None:
        """What its user wanted by then, else it waits again."""
        run.status = {"cancel": "cancelled", "pause": "paused", None: "queued"}[run.wanted]
        run.wanted = None

    def attempted(self, held: Held, change: Any) -> bool:
        """Whether the fence let the change through; it has to exactly if the attempt still holds the run."""
        holds = self.holds(held)
        try:
            with self.database.write() as db:
                change(db)
        except LeaseLost:
            assert not holds
            return False
        assert holds, "a write passed that the fence should have stopped"
        return True

    @initialize(target=runs_made)
    def there_is_a_run(self) -> str:
        return self.enqueue(0)

    @rule(target=runs_made, priority=st.integers(-1, 1))
    def enqueue(self, priority: int) -> str:
        with self.database.write() as db:
            run = runs.create(
                db, request=REQUEST | {"priority": priority}, task="classification", environment={}, warnings=[]
            )
        self.model[run.id] = Modelled()
        return run.id

    @rule(target=claims, worker=st.sampled_from("abc"))
    def claim(self, worker: str) -> Held | MultipleResults[Held]:
        with self.database.write() as db:
            found = leases.claim(db, worker, self.now, LEASE)
            order = {run.id: (-run.priority, run.id) for run in db.query(Run)}
        free = [id for id, run in self.model.items() if self.waits(run)]
        if not free:
            assert found is None
            return multiple()
        assert found is not None and found.id == min(free, key=lambda id: order[id])
        run = self.model[found.id]
        run.status, run.worker, run.expires, run.attempt = "running", worker, self.now + LEASE, run.attempt + 1
        assert found.attempt == run.attempt
        return Held(found.id, found.attempt, worker)

    @rule(seconds=st.sampled_from([1.0, 10.0, 29.0, 31.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(held=claims)
    def heartbeat(self, held: Held) -> None:
        if self.attempted(held, lambda db: leases.renew(db, held.run, held.attempt, self.now, LEASE)):
            self.model[held.run].expires = self.now + LEASE

    @rule(held=claims)
    def write_points(self, held: Held) -> None:
        marks = self.model[held.run].marks + 1
        if self.attempted(held, lambda db: leases.write(db, held.run, held.attempt, progress={"marks": marks})):
            self.model[held.run].marks = marks

    @rule(held=claims)
    def finish(self, held: Held) -> None:
        if self.attempted(held, lambda db: leases.end(db, held.run, held.attempt, "succeeded", self.now)):
            self.model[held.run].status, self.model[held.run].wanted = "succeeded", None

    @rule(held=claims)
    def leave(self, held: Held) -> None:
        if self.attempted(held, lambda db: leases.give_back(db, held.run, held.attempt, self.now)):
            self.leaves(self.model[held.run])

    @rule(held=claims)
    def child_dies(self, held: Held) -> None:
        if self.attempted(held, lambda db: leases.child_died(db, held.run, held.attempt, self.now, {})):
            run = self.model[held.run]
            run.deaths += 1
            if run.deaths == MAX_DEATHS and run.wanted != "cancel":
                run.status, run.wanted = "failed", None
            else:
                self.leaves(run)

    @rule(run=runs_made)
    def cancel(self, run: str) -> None:
        with self.database.write() as db:
            runs.cancel(db, Run.id == run, self.now)
        found = self.model[run]
        if self.waits(found) or found.status == "paused":
            found.status, found.wanted = "cancelled", None
        elif found.status == "running":
            found.wanted = "cancel"

    @rule(run=runs_made)
    def pause(self, run: str) -> None:
        found = self.model[run]
        try:
            with self.database.write() as db:
                runs.pause(db, run, self.now)
        except Conflict:
            assert found.status in ENDED
            return
        assert found.status not in ENDED
        if self.waits(found):
            found.status, found.wanted = "paused", None
        elif found.status == "running":
            found.wanted = found.wanted or "pause"

    @rule(run=runs_made)
    def resume(self, run: str) -> None:
        found = self.model[run]
        try:
            with self.database.write() as db:
                runs.resume(db, run, REQUEST)
        except Conflict:
            assert found.status in ("queued", "running")
            return
        assert found.status in ("paused", *ENDED)
        found.status, found.deaths = "queued", 0

    @rule(worker=st.sampled_from("abc"))
    def worker_is_known_to_be_dead(self, worker: str) -> None:
        with self.database.write() as db:
            leases.release_worker(db, worker, self.now)
        for run in self.model.values():
            if run.status == "running" and run.worker == worker:
                self.leaves(run)

    @invariant()
    def the_rows_are_as_modelled(self) -> None:
        with self.database.read() as db:
            rows = {
                run.id: (run.status, run.attempt, run.wanted, run.progress.get("marks", 0)) for run in db.query(Run)
            }
            found = db.scalars(select(Run.id).where(runs.matching(self.now, status="queued")))
            assert set(found) == {id for id, run in self.model.items() if self.waits(run)}
        assert rows == {id: (run.status, run.attempt, run.wanted, run.marks) for id, run in self.model.items()}


@pytest.fixture(params=["sqlite", "postgres"])
def queue(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[type[Queue]]:
    on_sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'queue.db'}" if on_sqlite else request.getfixturevalue("postgres").new_database()
    database = Database(url)
    if on_sqlite:  # what is asked here is not whether it survives a power cut
        event.listen(database.engine, "connect", lambda connection, _: connection.execute("PRAGMA synchronous=OFF"))
    migrate.upgrade(database)
    with database.write() as db:
        db.add(Dataset(id="letters", name="letters", status="ready", about={}, skipped=[], created_at=0.0))
    yield type("QueueHere", (Queue,), {"database": database})
    database.close()


THOROUGH = settings(
    max_examples=100, stateful_step_count=30, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck)
)


def test_one_attempt_at_a_time_holds_a_run(queue: type[Queue]) -> None:
    run_state_machine_as_test(queue, settings=THOROUGH)


def test_without_the_fence_the_same_test_fails(queue: type[Queue]) -> None:
    with (
        patch.object(leases, "mine", lambda run, _attempt: (Run.id == run) & (Run.status == "running")),
        pytest.raises(AssertionError, match="the fence should have stopped"),
    ):
        run_state_machine_as_test(queue, settings=settings(THOROUGH, max_examples=2_000, phases=[Phase.generate]))
