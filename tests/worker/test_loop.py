"""The worker's loop survives database errors, deaths of children, and lost leases.

The worker and its database are real. The test takes the role of the fork server: it decides when a child starts and
ends, and runs the turns of the loop one by one.
"""

import errno
import json
import math
import os
import select
import signal
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import event, text, update
from sqlalchemy.exc import OperationalError

import worker.child_process
import worker.loop
from app.settings import Settings
from app.storage import datasets
from app.storage.database import database_now
from app.storage.queue import turns
from app.storage.queue.run_claims import run_claims
from app.storage.tables import Dataset, Run
from app.storage.tables import Worker as WorkerRow
from tests.support.postgres import Postgres
from tests.support.rows import insert_run
from tests.worker.locked import locked, locked_for, no_waiting
from worker.child_process import Child
from worker.loop import Worker
from worker.protocol import CANCEL, HAND_BACK, PING


class Loop:
    """A worker for two runs at once, and the other end of its socket to the fork server."""

    def __init__(self, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
        near, self.socket = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        monkeypatch.setattr(worker.loop, "start_server", lambda: (near, subprocess.Popen(["true"])))
        self.file = settings.home / "antigrad.db"
        self.worker = Worker(settings, concurrency=2)
        self.database = self.worker.database
        self.socket.recv(1 << 20)  # the settings of all jobs
        self.orders: dict[str, int] = {}
        self.processes: list[subprocess.Popen[bytes]] = []

    def turn(self, turns: int = 1) -> None:
        for _ in range(turns):
            self.worker._turn()

    def queue(self, *runs: str) -> None:
        with self.database.write() as db:
            for run in runs:
                insert_run(db, run, "queued", attempt=0)

    def started(self) -> list[str]:
        """The attempts that the worker has asked the fork server to start since the last call."""
        keys = []
        while select.select([self.socket], [], [], 0)[0]:
            message, (orders, log), _, _ = socket.recv_fds(self.socket, 1 << 20, 2)
            os.close(log)
            keys.append(json.loads(message)["key"])
            self.orders[keys[-1]] = orders
        return keys

    def begin(self, *runs: str) -> list[Child]:
        """Queue runs, and let the worker claim them."""
        self.queue(*runs)
        self.worker.changes.force_poll()
        self.turn()
        assert self.started() == [f"{run}/1" for run in runs]
        return [self.worker.children[f"{run}/1"] for run in runs]

    def report(self, child: Child, **news: Any) -> None:
        self.socket.send(json.dumps({"key": child.key} | news).encode())

    def process(self) -> "subprocess.Popen[bytes]":
        """A process for a child, which the worker does not know until it is reported."""
        self.processes.append(subprocess.Popen(["sleep", "1000"]))
        return self.processes[-1]

    def received(self, child: Child) -> bytes:
        """The orders that a child has not read yet."""
        orders = self.orders[child.key]
        return os.read(orders, 4096) if select.select([orders], [], [], 0)[0] else b""

    def run(self, run: str) -> Run:
        with self.database.read() as db:
            return db.get_one(Run, run)

    def change(self, run: str, **values: Any) -> None:
        with self.database.write() as db:
            db.execute(update(Run).where(Run.id == run).values(**values))

    def let_renewals_be_due(self) -> None:
        for child in self.worker.children.values():
            child.renewed -= self.worker.settings.heartbeat_seconds

    def close(self) -> None:
        for process in self.processes:
            process.kill()
            process.wait()
        self.started()
        for orders in self.orders.values():
            os.close(orders)
        self.socket.close()
        self.worker.close()


Start = Callable[..., Loop]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    no_waiting(monkeypatch)
    with ExitStack() as stack:

        def start(database_url: str = "") -> Loop:
            times = {"heartbeat_seconds": 1000, "lease_seconds": 10_000}  # longer than any test takes
            settings = Settings(home=tmp_path / "home", database_url=database_url, **times, _env_file=None)
            loop = Loop(settings, monkeypatch)
            stack.callback(loop.close)
            return loop

        yield start


@pytest.fixture
def loop(start: Start) -> Loop:
    return start()


@pytest.mark.parametrize("turns", [1, 3])
def test_a_death_is_recorded_once_the_database_answers_again(loop: Loop, turns: int) -> None:
    child, other = loop.begin("run_1", "run_2")
    with locked(loop.file):
        loop.report(child, exit=-signal.SIGKILL)
        loop.turn(turns)
        assert list(loop.worker.children.values()) == [other]
    loop.turn()
    run = loop.run("run_1")
    assert (run.status, run.attempt, run.deaths) == ("running", 2, 1)  # so it is retried
    assert loop.started() == ["run_1/2"]


def test_the_third_death_ends_the_run_with_its_reason_although_the_database_refused_it_at_first(loop: Loop) -> None:
    [child] = loop.begin("run_1")
    loop.change("run_1", deaths=2)
    with locked(loop.file):
        loop.report(child, exit=-signal.SIGKILL)
        loop.turn(2)
    loop.turn()
    run = loop.run("run_1")
    assert run.status == "failed" and run.error is not None
    assert "was killed by SIGKILL (out of memory" in run.error["message"]


def test_the_death_of_an_import_is_recorded_too(loop: Loop) -> None:
    with loop.database.write() as db:
        datasets.create(db, "ds_1", "letters", {})
    loop.turn()
    assert loop.started() == ["ds_1/1"]
    with locked(loop.file):
        loop.report(loop.worker.children["ds_1/1"], exit=1)
        loop.turn(2)
    loop.turn()
    for thread in threading.enumerate():
        if thread.name == "tidy ds_1":  # its reads may refuse the next claim
            thread.join()
    loop.turn()
    with loop.database.read() as db:
        dataset = db.get_one(Dataset, "ds_1")
    assert (dataset.status, dataset.attempt, dataset.deaths) == ("importing", 2, 1)
    assert loop.started() == ["ds_1/2"]


def owned(loop: Loop, owner: str, *runs: str) -> None:
    """Give waiting or training runs an owner, who takes turns."""
    with loop.database.write() as db:
        for run in runs:
            db.execute(update(Run).where(Run.id == run).values(owner=owner))
            turns.join(db, owner, run, run_claims.is_open)


def looked(loop: Loop, *children: Child) -> list[bytes]:
    """The orders that the children get when the worker looks around."""
    loop.worker.next_look = -math.inf
    loop.turn()
    return [loop.received(child) for child in children]


def test_after_its_slice_a_run_gives_way_to_another_owner_s(loop: Loop) -> None:
    first, second = loop.begin("run_1", "run_2")
    owned(loop, "ann", "run_1", "run_2")
    loop.queue("run_3")
    owned(loop, "ann", "run_3")
    first.started = second.started = -math.inf
    assert looked(loop, first, second) == [b"", b""]  # only runs of the same owner wait
    loop.queue("run_4")
    owned(loop, "bob", "run_4")
    assert looked(loop, first, second) == [HAND_BACK, b""]  # one place is enough
    assert looked(loop, first, second) == [b"", b""]
    with loop.database.write() as db:
        run_claims.give_back(db, "run_1", 1)  # as its child does, at a checkpoint
    loop.report(first, exit=0)
    loop.turn()
    assert loop.started() == ["run_4/1"] and loop.run("run_1").status == "queued"


@pytest.mark.parametrize(("started", "slice_seconds"), [(math.inf, 300.0), (-math.inf, 0.0)])
def test_a_run_keeps_its_worker_during_its_slice_and_for_ever_without_slices(
    loop: Loop, started: float, slice_seconds: float
) -> None:
    children = loop.begin("run_1", "run_2")
    loop.queue("run_3")
    owned(loop, "bob", "run_3")
    loop.worker.settings.slice_seconds = slice_seconds
    for child in children:
        child.started = started
    assert looked(loop, *children) == [b"", b""]


def test_a_death_is_given_up_when_its_lease_is_over(loop: Loop) -> None:
    [child] = loop.begin("run_1")
    with locked(loop.file):
        loop.report(child, exit=1)
        loop.turn()
        assert [death.child for death in loop.worker.deaths] == [child]
        child.renewed = -math.inf
        loop.turn()
    assert loop.worker.deaths == []
    run = loop.run("run_1")
    assert (run.status, run.attempt, run.deaths) == ("running", 1, 0)
    loop.change("run_1", lease_expires_at=0.0)
    loop.turn()
    assert loop.started() == ["run_1/2"]  # like every run whose lease has expired


def test_a_child_that_has_ended_its_run_leaves_no_death(loop: Loop) -> None:
    [child] = loop.begin("run_1")
    loop.change("run_1", status="succeeded")
    loop.report(child, exit=0)
    loop.turn()
    run = loop.run("run_1")
    assert (run.status, run.deaths, loop.worker.deaths) == ("succeeded", 0, [])


def test_a_death_by_a_signal_without_a_name_is_recorded(loop: Loop) -> None:
    [child] = loop.begin("run_1")
    loop.change("run_1", deaths=2)
    loop.report(child, exit=-(signal.SIGRTMIN + 5))
    loop.turn()
    run = loop.run("run_1")
    assert run.error is not None and f"was killed by signal {signal.SIGRTMIN + 5}" in run.error["message"]


def test_a_refused_renewal_is_due_again_in_the_next_turn(loop: Loop) -> None:
    children = loop.begin("run_1", "run_2")
    loop.change("run_1", lease_expires_at=0.0)
    loop.change("run_2", lease_expires_at=0.0)
    loop.let_renewals_be_due()
    with locked(loop.file):
        loop.turn(2)
        assert [loop.received(child) for child in children] == [b"", b""]
    loop.turn()
    assert [loop.received(child) for child in children] == [PING, PING]
    assert min(loop.run(run).lease_expires_at or 0 for run in ("run_1", "run_2")) > 0


@pytest.mark.parametrize("dies", [False, True], ids=["renewal", "death"])
def test_a_row_that_another_session_has_locked_keeps_no_other_lease_from_being_renewed(
    start: Start, postgres: Postgres, dies: bool
) -> None:
    url = postgres.new_database()
    with psycopg.connect(url.replace("+psycopg", "")) as other:
        loop = start(url)
        event.listen(loop.database.engine, "begin", lambda db: db.execute(text("SET lock_timeout = '50ms'")))
        first, second = loop.begin("run_1", "run_2")
        other.execute("SELECT 1 FROM runs WHERE id = 'run_1' FOR UPDATE")
        if dies:
            loop.report(first, exit=1)
        loop.let_renewals_be_due()
        loop.turn()
        assert loop.received(second) == PING
        assert loop.worker.deaths if dies else loop.received(first) == b""
        other.rollback()
        loop.turn()
        if dies:
            assert loop.run("run_1").deaths == 1
        else:
            assert loop.received(first) == PING


def test_a_child_that_dies_while_the_renewals_are_refused_is_recorded_and_the_others_are_renewed(loop: Loop) -> None:
    first, second = loop.begin("run_1", "run_2")
    loop.let_renewals_be_due()
    with locked(loop.file):
        loop.turn()
        loop.report(first, exit=1)
        loop.turn()
    loop.turn()
    assert loop.run("run_1").deaths == 1 and loop.received(second) == PING


def test_a_lost_lease_ends_its_child_alone(loop: Loop) -> None:
    first, second = loop.begin("run_1", "run_2")
    processes = [loop.process() for _ in (first, second)]
    for child, process in zip((first, second), processes, strict=True):
        loop.report(child, pid=process.pid)
        loop.turn()
    loop.change("run_1", attempt=2)
    loop.let_renewals_be_due()
    loop.turn()
    assert processes[0].wait() == -signal.SIGKILL
    assert loop.received(second) == PING and processes[1].poll() is None
    loop.report(first, exit=-signal.SIGKILL)
    loop.turn()
    assert (loop.run("run_1").attempt, loop.run("run_1").deaths) == (2, 0)  # another worker holds it
    assert loop.worker.deaths == []


def test_a_child_whose_lease_is_lost_before_it_has_started_is_ended_when_it_starts(loop: Loop) -> None:
    [child] = loop.begin("run_1")
    loop.change("run_1", attempt=2)
    loop.let_renewals_be_due()
    loop.turn()
    process = loop.process()
    loop.report(child, pid=process.pid)
    loop.turn()
    assert process.wait() == -signal.SIGKILL


def test_a_child_is_ended_when_its_lease_runs_out_while_the_database_is_away(loop: Loop) -> None:
    [child] = loop.begin("run_1")
    process = loop.process()
    loop.report(child, pid=process.pid)
    with locked(loop.file):
        child.renewed -= loop.worker.settings.lease_seconds
        loop.turn()
        assert process.wait() == -signal.SIGKILL


def test_a_refused_claim_is_made_later(loop: Loop) -> None:
    loop.turn()
    loop.queue("run_1", "run_2")
    with locked(loop.file):
        loop.turn(2)
        assert loop.started() == []
    loop.turn()
    assert loop.started() == ["run_1/1", "run_2/1"]


def test_a_claim_that_another_writer_kept_from_is_made_at_once_although_that_one_changed_nothing(loop: Loop) -> None:
    loop.turn()
    loop.queue("run_1")
    with locked(loop.file, "IMMEDIATE"):
        loop.turn()
        assert loop.started() == []
    loop.turn()
    assert loop.started() == ["run_1/1"]


def test_the_worker_registers_once_the_database_answers(loop: Loop) -> None:
    with locked(loop.file):
        loop.turn(2)
    loop.turn()
    with loop.database.read() as db:
        assert db.get_one(WorkerRow, loop.worker.id).concurrency == 2


def test_a_job_whose_child_cannot_be_started_stays_in_the_queue(loop: Loop, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    with monkeypatch.context() as patched:
        patched.setattr(worker.child_process.tempfile, "TemporaryFile", full)
        loop.queue("run_1")
        loop.worker.changes.force_poll()
        loop.turn(3)
    assert (loop.run("run_1").status, loop.run("run_1").attempt, loop.started()) == ("queued", 0, [])
    loop.turn()
    assert loop.started() == ["run_1/1"]


def test_an_idle_worker_asks_the_database_nothing(loop: Loop) -> None:
    loop.turn(2)  # it has registered, and found nothing to claim
    for changes in (loop.worker.changes, loop.worker.requests):
        changes.due = math.inf
    loop.worker.last_beat = math.inf  # neither a heartbeat nor a look is due
    statements: list[str] = []
    event.listen(loop.database.engine, "before_cursor_execute", lambda *call: statements.append(call[2]))
    for _ in range(20):
        loop.worker.next_look = -math.inf
        loop.turn()
    assert statements == []
    loop.worker.changes.force_poll()
    loop.turn()
    assert len([statement for statement in statements if statement.startswith("SELECT")]) == 1  # about all queues
    loop.queue("run_1")
    loop.turn()
    assert statements and loop.started() == ["run_1/1"]


def test_a_cancel_reaches_its_child_once_the_database_answers(loop: Loop) -> None:
    [child] = loop.begin("run_1")
    loop.change("run_1", requested_action="cancel")
    with locked(loop.file):
        loop.worker.next_look = -math.inf
        loop.turn()
        assert loop.received(child) == b""
    loop.worker.next_look = -math.inf
    loop.turn()
    assert loop.received(child) == CANCEL


def test_what_a_dead_worker_held_is_released_although_the_database_refused_it_at_first(loop: Loop) -> None:
    loop.turn()
    with loop.database.write() as db:
        insert_run(db, "run_1", "running", worker="dead", lease_expires_at=database_now() + 3600)
    with locked(loop.file):
        (loop.file.parent / "workers/dead").touch()
        loop.worker.next_look = -math.inf
        loop.turn()
    loop.worker.next_look = -math.inf
    loop.turn()
    assert loop.started() == ["run_1/2"]


def test_a_statement_that_is_wrong_ends_the_worker(loop: Loop) -> None:
    loop.turn()
    with loop.database.write() as db:
        db.execute(text("DROP TABLE workers"))
    loop.worker.last_beat = -math.inf
    with pytest.raises(OperationalError, match="no such table"):
        loop.turn()


@pytest.fixture
def closed() -> Iterator[int]:
    """The end of a pipe that tells a worker to stop."""
    read, write = os.pipe()
    os.close(write)
    yield read
    os.close(read)


def test_a_worker_that_stops_gives_its_runs_back_once_the_database_answers(loop: Loop, closed: int) -> None:
    for child in loop.begin("run_1", "run_2"):
        loop.report(child, exit=0)
    with locked_for(loop.file, tries=3, logger="antigrad.worker") as warnings:
        loop.worker.serve(until_closed=closed)
    assert len([warning for warning in warnings if "does not answer" in warning]) == 3
    assert [loop.run(run).status for run in ("run_1", "run_2")] == ["queued", "queued"]
    assert [loop.run(run).deaths for run in ("run_1", "run_2")] == [0, 0]


def test_a_worker_stops_although_the_database_stays_away(loop: Loop, closed: int) -> None:
    [child] = loop.begin("run_1")
    with locked(loop.file):
        loop.turn()
        loop.report(child, exit=1)
        child.renewed -= loop.worker.settings.lease_seconds
        loop.worker.serve(until_closed=closed)
    assert loop.run("run_1").status == "running"  # until its lease expires
