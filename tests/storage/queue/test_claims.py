"""The queue against a model: in any order of events, at most one attempt at a time holds a job."""

from abc import abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
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
from sqlalchemy import and_, delete, event, select, text
from sqlalchemy.orm import Session

from app.constants import ENDED, DatasetStatus, RequestedAction, RunStatus, SweepStatus
from app.errors import Conflict
from app.messages import Message
from app.storage import datasets, migrate, runs, sweeps
from app.storage.database import Database
from app.storage.ids import new_id
from app.storage.queue import turns
from app.storage.queue.batch_claims import batch_claims
from app.storage.queue.claims import MAX_DEATHS, Claims, Key, LeaseLost
from app.storage.queue.import_claims import import_claims
from app.storage.queue.run_claims import RunClaims, run_claims
from app.storage.queue.sweep_claims import sweep_claims
from app.storage.tables import Dataset, OwnerTurn, Run
from tests.support.queue_database import queue_database
from tests.support.rows import owned_batch, owned_run, owned_sweep

pytestmark = pytest.mark.sql

LEASE = 30.0
REQUEST = {"name": None, "dataset": "letters", "tags": {}, "priority": 0}
OWNERS = ("", "ann", "bob")
REASON = Message.of("import_broke_down", kind="ValueError", reason="it is no dataset")
DEATH = {"type": "ChildDied", "message": "the process was killed", "trace": [], **REASON.to_json()}


@dataclass
class Modelled:
    """The expected row. `state` is waiting, held, paused, succeeded, failed or cancelled."""

    priority: int = 0
    owner: str = ""
    state: str = "waiting"
    attempt: int = 0
    worker: str | None = None
    expires: float = 0.0
    deaths: int = 0
    requested: str | None = None
    marks: int = 0  # number of writes of its attempts
    turn: int = 0


@dataclass(frozen=True)
class Held:
    """A job that a worker believes it holds, which may no longer be true."""

    job: str
    attempt: int
    worker: str


class Queue(RuleBasedStateMachine):
    """Claims, time, heartbeats, results, cancels and crashes in any order."""

    database: Database
    queue: Claims[Any]
    statuses: ClassVar[dict[str, str]]  # status for each of the model's states
    jobs: Bundle[str] = Bundle("jobs")
    claims: Bundle[Held] = Bundle("claims")

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.model: dict[str, Modelled] = {}
        with self.database.write() as db:
            db.execute(delete(self.queue.table).where(self.queue.table.id != "letters"))

    @abstractmethod
    def create(self, db: Session, priority: int) -> str: ...

    @abstractmethod
    def rank(self, id: str) -> tuple[Any, ...]:
        """Sort key of a job in the order of claiming."""

    @abstractmethod
    def succeed(self, db: Session, held: Held) -> None: ...

    @abstractmethod
    def cancel_row(self, db: Session, id: str) -> None: ...

    @abstractmethod
    def cancelled(self, job: Modelled) -> None:
        """Change the model of a job that its user cancels."""

    def mark(self, db: Session, held: Held, marks: int) -> None:
        """Write the number of writes into the row."""
        self.queue.write(db, held.job, held.attempt, progress={"marks": marks})

    def marks_of(self, row: Any) -> int:
        return int(row.progress.get("marks", 0))

    def ends(self, job: Modelled, state: str) -> None:
        job.state, job.requested = state, None

    def leaves(self, job: Modelled) -> None:
        """Follow the user's request, otherwise wait again."""
        job.state = {"cancel": "cancelled", "pause": "paused", None: "waiting"}[job.requested]
        job.requested = None

    def holds(self, held: Held) -> bool:
        job = self.model[held.job]
        return job.state == "held" and job.attempt == held.attempt

    def waits(self, job: Modelled) -> bool:
        return job.state == "waiting" or (job.state == "held" and job.expires < self.now)

    def waiting(self) -> list[str]:
        """Claimable jobs in the order of claiming."""
        ids = [id for id, job in self.model.items() if self.waits(job)]
        return sorted(ids, key=self.rank)

    def attempted(self, held: Held, change: Callable[[Session], None]) -> bool:
        """Record if the fence let the change through, which it must exactly if the attempt still holds the job."""
        holds = self.holds(held)
        try:
            with self.database.write() as db:
                change(db)
        except LeaseLost:
            assert not holds
            return False
        assert holds, "a write passed that the fence should have stopped"
        return True

    @initialize(target=jobs)
    def there_is_a_job(self) -> str:
        return self.enqueue(0)

    @rule(target=jobs, priority=st.integers(-1, 1))
    def enqueue(self, priority: int) -> str:
        with self.database.write() as db:
            return self.create(db, priority)

    @rule(target=claims, worker=st.sampled_from("abc"))
    def claim(self, worker: str) -> Held | MultipleResults[Held]:
        waiting = self.waiting()
        with self.database.write() as db:
            assert self.queue.any_claimable(db, self.now) == bool(waiting)
            rows = [db.get(self.queue.table, id) for id in waiting]
            assert [self.queue.position(db, row, self.now) for row in rows] == list(range(1, len(rows) + 1))
            row = self.queue.claim(db, worker, self.now, LEASE)
        if not waiting:
            assert row is None
            return multiple()
        assert row is not None and row.id == waiting[0]
        job = self.model[row.id]
        job.state, job.worker, job.expires, job.attempt = "held", worker, self.now + LEASE, job.attempt + 1
        return Held(row.id, job.attempt, worker)

    @rule(seconds=st.sampled_from([1.0, 10.0, 29.0, 31.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(held=claims)
    def heartbeat(self, held: Held) -> None:
        if self.attempted(held, lambda db: self.queue.renew(db, held.job, held.attempt, self.now, LEASE)):
            self.model[held.job].expires = self.now + LEASE

    @rule(held=claims)
    def write_progress(self, held: Held) -> None:
        marks = self.model[held.job].marks + 1
        if self.attempted(held, lambda db: self.mark(db, held, marks)):
            self.model[held.job].marks = marks

    @rule(held=claims)
    def finish(self, held: Held) -> None:
        if self.attempted(held, lambda db: self.succeed(db, held)):
            self.ends(self.model[held.job], "succeeded")

    @rule(held=claims)
    def leave(self, held: Held) -> None:
        if self.attempted(held, lambda db: self.queue.give_back(db, held.job, held.attempt)):
            self.leaves(self.model[held.job])

    @rule(held=claims)
    def child_dies(self, held: Held) -> None:
        if self.attempted(held, lambda db: self.queue.child_died(db, held.job, held.attempt, DEATH)):
            job = self.model[held.job]
            job.deaths += 1
            if job.deaths == MAX_DEATHS and job.requested != "cancel":
                self.ends(job, "failed")
            else:
                self.leaves(job)

    @rule(id=jobs)
    def cancel(self, id: str) -> None:
        with self.database.write() as db:
            self.cancel_row(db, id)
        self.cancelled(self.model[id])

    @rule(worker=st.sampled_from("abc"))
    def worker_is_known_to_be_dead(self, worker: str) -> None:
        held = [job for job in self.model.values() if job.state == "held" and job.worker == worker]
        with self.database.write() as db:
            assert self.queue.release_worker(db, worker) == len(held)
        for job in held:
            self.leaves(job)

    @invariant()
    def the_rows_are_as_modelled(self) -> None:
        table = self.queue.table
        with self.database.read() as db:
            rows = {
                row.id: (row.status, row.attempt, row.deaths, self.marks_of(row))
                for row in db.query(table).where(table.id != "letters")
            }
            claimable = set(db.scalars(select(table.id).where(self.queue.claimable(self.now))))
            leased = set(db.scalars(select(table.id).where(self.queue.leased(self.now))))
        held = {id for id, job in self.model.items() if job.state == "held"}
        assert rows == {
            id: (self.statuses[job.state], job.attempt, job.deaths, job.marks) for id, job in self.model.items()
        }
        assert claimable == set(self.waiting()) and leased == held - claimable


@dataclass
class ModelledTurn:
    """The expected turn of an owner."""

    served: float
    joined: str


class Runs(Queue):
    """Runs have priorities, and owners who take turns. They may be paused and resumed; their child leaves them to
    follow a user's request."""

    queue = run_claims
    statuses: ClassVar[dict[str, str]] = {
        "waiting": "queued",
        "held": "running",
        **{state: state for state in ("paused", "succeeded", "failed", "cancelled")},
    }

    def __init__(self) -> None:
        super().__init__()
        self.turns: dict[str, ModelledTurn] = {}
        with self.database.write() as db:
            db.execute(delete(OwnerTurn))

    def create(self, db: Session, priority: int) -> str:
        request, owner = REQUEST | {"priority": priority}, OWNERS[len(self.model) % len(OWNERS)]
        run = owned_run(db, owner, request=request)
        self.joins(owner)
        self.model[run.id] = Modelled(priority, owner)
        self.turns[owner].joined = self.turns[owner].joined or run.id
        return run.id

    def joins(self, owner: str, run: str = "") -> None:
        """Follow an owner who queues a run: after a pause it is no further behind than the others who wait."""
        waiting = {job.owner for id, job in self.model.items() if job.state in ("waiting", "held") and id != run}
        if owner in waiting:
            return
        before = self.turns[owner].served if owner in self.turns else 0.0
        least = min((self.turns[other].served for other in waiting), default=0.0)
        self.turns[owner] = ModelledTurn(max(before, least), run)

    def within(self, id: str) -> tuple[Any, ...]:
        """Sort key of a job among those of the same owner and priority."""
        return (id,)

    def rank(self, id: str) -> tuple[Any, ...]:
        """By the priority, then by the seconds that the owner will have been served: a run takes one second."""
        job = self.model[id]
        turn = self.turns[job.owner]
        own = [(other, found) for other, found in self.model.items() if found.owner == job.owner]
        beside = [other for other, found in own if found.priority == job.priority and self.waits(found)]
        before = sum(self.within(other) < self.within(id) for other in beside)
        training = sum(found.state == "held" and not self.waits(found) for _, found in own)
        return -job.priority, turn.served + training + before, turn.joined, before

    @rule(held=Queue.claims, seconds=st.sampled_from([0.5, 3.0]))
    def train(self, held: Held, seconds: float) -> None:
        def train(db: Session) -> None:
            run_claims.read(db, held.job, held.attempt, Run.id)
            turns.charge(db, held.job, seconds)

        if self.attempted(held, train):
            self.turns[self.model[held.job].owner].served += seconds

    @rule(held=Queue.claims)
    def look_if_another_owner_has_the_next_turn(self, held: Held) -> None:
        job = self.model[held.job]
        if not self.holds(held) or self.waits(job):
            return
        others = [self.rank(id) for id in self.waiting() if self.model[id].owner != job.owner]
        job.state = "waiting"
        precedence, served, joined, before = self.rank(held.job)
        job.state = "held"
        with self.database.read() as db:
            gives_way = run_claims.gives_way(db, held.job, self.now)
        assert gives_way == (bool(others) and others[0] < (precedence, served - before, joined, 0))

    def succeed(self, db: Session, held: Held) -> None:
        run_claims.end(db, held.job, held.attempt, RunStatus.SUCCEEDED)

    def cancel_row(self, db: Session, id: str) -> None:
        runs.cancel(db, Run.id == id, self.now)

    def cancelled(self, job: Modelled) -> None:
        if self.waits(job) or job.state == "paused":
            self.ends(job, "cancelled")
        elif job.state == "held":
            job.requested = "cancel"

    @rule(id=Queue.jobs)
    def pause(self, id: str) -> None:
        job = self.model[id]
        try:
            with self.database.write() as db:
                runs.pause(db, id, self.now)
        except Conflict:
            assert job.state in ENDED
            return
        assert job.state not in ENDED
        if self.waits(job):
            self.ends(job, "paused")
        elif job.state == "held":
            job.requested = job.requested or "pause"

    @rule(id=Queue.jobs)
    def resume(self, id: str) -> None:
        job = self.model[id]
        try:
            with self.database.write() as db:
                runs.resume(db, id, REQUEST)
        except Conflict:
            assert job.state in ("waiting", "held")
            return
        assert job.state in ("paused", *ENDED)
        self.joins(job.owner, id)
        job.state, job.deaths = "waiting", 0

    @rule(held=Queue.claims)
    def look_for_a_requested_action(self, held: Held) -> None:
        def look(db: Session) -> None:
            assert run_claims.requested_action(db, held.job, held.attempt) == self.model[held.job].requested

        self.attempted(held, look)


class Imports(Queue):
    """Imports are claimed in the order of their ids. A cancelled one ends at once, and its worker loses it."""

    queue = import_claims
    statuses: ClassVar[dict[str, str]] = {
        "waiting": "importing",
        "held": "importing",
        "succeeded": "ready",
        **{state: state for state in ("failed", "cancelled")},
    }

    def create(self, db: Session, _priority: int) -> str:
        dataset = datasets.create(db, new_id("ds"), "mine", {"roles": ["file"]})
        self.model[dataset.id] = Modelled()
        return dataset.id

    def rank(self, id: str) -> tuple[Any, ...]:
        return (id,)

    def succeed(self, db: Session, held: Held) -> None:
        import_claims.succeed(db, held.job, held.attempt, "arrays/0", {}, [], 1)

    def cancel_row(self, db: Session, id: str) -> None:
        datasets.cancel(db, id)

    def cancelled(self, job: Modelled) -> None:
        if job.state in ("waiting", "held"):
            self.ends(job, "cancelled")

    def ends(self, job: Modelled, state: str) -> None:
        super().ends(job, state)
        job.marks = 0

    @rule(held=Queue.claims)
    def refuse_the_upload(self, held: Held) -> None:
        if self.attempted(held, lambda db: import_claims.fail(db, held.job, held.attempt, REASON)):
            self.ends(self.model[held.job], "failed")


class Batches(Queue):
    """Batches of owners who take turns. What an attempt has done is lost when it leaves its batch."""

    queue = batch_claims
    statuses: ClassVar[dict[str, str]] = {
        "waiting": "queued",
        "held": "running",
        **{state: state for state in ("succeeded", "failed")},
    }

    def create(self, db: Session, _priority: int) -> str:
        owner = OWNERS[len(self.model) % len(OWNERS)]
        still_open = [job for job in self.model.values() if job.state in ("waiting", "held")]
        present = min((job.turn for job in still_open), default=0)
        own = max((job.turn + 1 for job in still_open if job.owner == owner), default=0)
        batch = owned_batch(db, owner)
        self.model[batch.id] = Modelled(owner=owner, turn=max(present, own))
        return batch.id

    def rank(self, id: str) -> tuple[Any, ...]:
        return self.model[id].turn, id

    def leaves(self, job: Modelled) -> None:
        super().leaves(job)
        job.marks = 0

    def succeed(self, db: Session, held: Held) -> None:
        batch_claims.succeed(db, held.job, held.attempt, "result", 1, {"marks": self.model[held.job].marks})

    def cancel_row(self, db: Session, id: str) -> None:
        """A batch is deleted, not cancelled."""

    def cancelled(self, job: Modelled) -> None:
        """Nothing has changed."""

    @rule(held=Queue.claims)
    def refuse_the_inputs(self, held: Held) -> None:
        if self.attempted(held, lambda db: batch_claims.fail(db, held.job, held.attempt, REASON)):
            self.ends(self.model[held.job], "failed")


class Sweeps(Queue):
    """Sweeps are claimed in the order of their ids. A cancelled one ends at once, and its worker loses it."""

    queue = sweep_claims
    statuses: ClassVar[dict[str, str]] = {
        "waiting": "running",
        "held": "running",
        **{state: state for state in ("succeeded", "failed", "cancelled")},
    }

    def create(self, db: Session, _priority: int) -> str:
        sweep = owned_sweep(db, due_at=0.0)
        self.model[sweep.id] = Modelled()
        return sweep.id

    def mark(self, db: Session, held: Held, marks: int) -> None:
        sweep_claims.write(db, held.job, held.attempt, knowledge=[marks])

    def marks_of(self, row: Any) -> int:
        return sum(row.knowledge)

    def rank(self, id: str) -> tuple[Any, ...]:
        return (id,)

    def succeed(self, db: Session, held: Held) -> None:
        sweep_claims.write(db, held.job, held.attempt, **sweep_claims.ended(SweepStatus.SUCCEEDED))

    def cancel_row(self, db: Session, id: str) -> None:
        sweeps.cancel(db, id, self.now)

    def cancelled(self, job: Modelled) -> None:
        if job.state in ("waiting", "held"):
            self.ends(job, "cancelled")

    @rule(held=Queue.claims)
    def wait_for_nothing(self, held: Held) -> None:
        """A sweep that is due at once waits for a worker again, and has no deaths."""
        if self.attempted(held, lambda db: sweep_claims.wait(db, held.job, held.attempt, 0.0, 0)):
            self.model[held.job].state, self.model[held.job].deaths = "waiting", 0


@pytest.fixture(params=["sqlite", "postgres"])
def database(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Database]:
    yield from queue_database(request, tmp_path, "letters")


@pytest.fixture(params=[Runs, Imports, Batches, Sweeps])
def queue(database: Database, request: pytest.FixtureRequest) -> type[Queue]:
    return type("QueueHere", (request.param,), {"database": database})


BRIEF = settings(max_examples=12, stateful_step_count=30, suppress_health_check=list(HealthCheck))
THOROUGH = settings(BRIEF, max_examples=100)


@pytest.mark.parametrize("depth", [BRIEF, pytest.param(THOROUGH, marks=pytest.mark.long)], ids=["brief", "thorough"])
def test_one_attempt_at_a_time_holds_a_job(queue: type[Queue], depth: settings) -> None:
    run_state_machine_as_test(queue, settings=depth)


@pytest.mark.long
def test_without_the_fence_the_same_test_fails(queue: type[Queue]) -> None:
    with (
        patch.object(Claims, "fence", lambda self, id, _attempt: and_(self.table.id == id, self.held)),
        pytest.raises(AssertionError, match="the fence should have stopped"),
    ):
        run_state_machine_as_test(queue, settings=settings(THOROUGH, max_examples=2_000, phases=[Phase.generate]))


class SmallestFirst(RunClaims):
    """An order of claiming with three keys, in both directions."""

    order = (Key(Run.deaths), Key(Run.created_at, descending=True), Key(Run.id))


@pytest.mark.parametrize("claims", [RunClaims(), SmallestFirst()], ids=["as it is", "another"])
def test_one_order_decides_claims_and_positions(database: Database, claims: RunClaims) -> None:
    with database.write() as db:
        for number in range(12):
            run = runs.create(db, request=REQUEST, task="classification", environment={}, warnings=[])
            run.deaths, run.created_at, run.priority = number % 3, float(number % 4), number % 2
    for waiting in range(12, 0, -1):
        with database.write() as db:
            positions = {claims.position(db, run, 0.0): run.id for run in db.query(Run).where(claims.claimable(0.0))}
            assert sorted(positions) == list(range(1, waiting + 1))
            claimed = claims.claim(db, "worker", 0.0, LEASE)
            assert claimed is not None and claimed.id == positions[1]


def test_the_index_of_runs_has_the_order_of_claiming(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'queue.db'}")
    migrate.upgrade(database)
    statements: list[tuple[str, Any]] = []
    event.listen(database.engine, "before_cursor_execute", lambda *call: statements.append((call[2], call[3])))
    with database.write() as db:
        for queue, index in (
            (run_claims, "runs USING INDEX ix_runs_open"),
            (batch_claims, "batches USING INDEX ix_batches_open"),
        ):
            queue.any_claimable(db, 0.0)
            queue.claim(db, "worker", 0.0, LEASE)
            for statement, parameters in statements[-2:]:
                plan = [
                    row[3] for row in db.connection().exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters)
                ]
                assert any(f"SCAN {index}" in step for step in plan), plan
                assert not any("ORDER BY" in step for step in plan), plan  # nothing is left to sort
    database.close()


def test_statuses_and_actions_are_stored_as_plain_text(database: Database) -> None:
    with database.write() as db:
        run = runs.create(db, request=REQUEST, task="classification", environment={}, warnings=[]).id
        dataset = datasets.create(db, new_id("ds"), "mine", {}).id
    for status in RunStatus:
        for action in RequestedAction:
            with database.write() as db:
                stored = db.get_one(Run, run)
                stored.status, stored.requested_action = status, action
            with database.read() as db:
                assert db.execute(text("SELECT status, wanted FROM runs")).one() == (status.value, action.value)
                condition = Run.status.in_((status,)), Run.requested_action == action
                assert db.scalars(select(Run.id).where(*condition)).all() == [run]
    for status in DatasetStatus:
        with database.write() as db:
            db.get_one(Dataset, dataset).status = status
        with database.read() as db:
            found = db.execute(text("SELECT status FROM datasets WHERE id = :id"), {"id": dataset}).scalar_one()
            assert found == status.value and type(found) is str
