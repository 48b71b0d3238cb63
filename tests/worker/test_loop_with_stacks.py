"""The worker's loop holds each run of a program as it holds a run alone: its lease, its orders, its end.

As in `test_loop`, the worker and its database are real, and the test takes the role of the fork server.
"""

import json
import math
import os
import select
import signal
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.settings import Settings
from tests.support.rows import insert_run
from tests.worker.locked import locked, no_waiting
from tests.worker.test_loop import Loop, looked, owned
from worker.child_process import Child
from worker.protocol import CANCEL, HAND_BACK, PAUSE, PING


class StackLoop(Loop):
    """A worker, and the other ends of the sockets of one program of runs."""

    joins: socket.socket | None = None

    def queue(self, *runs: str, stack: str = "a") -> None:
        with self.database.write() as db:
            for run in runs:
                insert_run(db, run, "queued", attempt=0, stack=stack)
        self.worker.changes.force_poll()

    def started(self) -> list[str]:
        """The attempts of each process that the worker has asked the fork server to start since the last call."""
        keys = []
        while select.select([self.socket], [], [], 0)[0]:
            message, (orders, log, *others), _, _ = socket.recv_fds(self.socket, 1 << 20, 64)
            os.close(log)
            job = json.loads(message)
            if others:
                self.joins = socket.socket(fileno=others.pop(0))
            members = [f"{member['id']}/{member['attempt']}" for member in job.get("members", [job])]
            self.orders |= zip(members, (orders, *others), strict=True)
            keys.append(",".join(members))
        return keys

    def joined(self) -> str | None:
        """The run that the worker has sent to the process, if there is one."""
        assert self.joins is not None
        if not select.select([self.joins], [], [], 0)[0]:
            return None
        message, [orders], _, _ = socket.recv_fds(self.joins, 4096, 1)
        member = json.loads(message)
        self.orders[key := f"{member['id']}/{member['attempt']}"] = orders
        return key

    def begin_stack(self, *runs: str) -> list[Child]:
        self.queue(*runs)
        self.turn()
        assert self.started() == [",".join(f"{run}/1" for run in runs)]
        return [self.worker.children[f"{run}/1"] for run in runs]

    def has_ended(self, child: Child) -> bool:
        """True if the pipe of the child's orders is at its end."""
        return self.received(child) == b"" and bool(select.select([self.orders[child.key]], [], [], 0)[0])

    def close(self) -> None:
        if self.joins is not None:
            self.joins.close()
        super().close()


@pytest.fixture
def loop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StackLoop]:
    no_waiting(monkeypatch)
    times = {"heartbeat_seconds": 1000, "lease_seconds": 10_000}  # longer than any test takes
    settings = Settings(home=tmp_path / "home", stack_size=3, threads=1, **times, _env_file=None)
    loop = StackLoop(settings, monkeypatch)
    loop.worker.concurrency = loop.worker.places["train"] = 1
    yield loop
    loop.close()


def test_each_run_of_a_program_has_its_own_lease_and_orders(loop: StackLoop) -> None:
    first, second, third = loop.begin_stack("run_1", "run_2", "run_3")
    loop.let_renewals_be_due()
    loop.turn()
    assert [loop.received(child) for child in (first, second, third)] == [PING] * 3
    loop.change("run_1", requested_action="cancel")
    loop.change("run_3", requested_action="pause")
    assert looked(loop, first, second, third) == [CANCEL, b"", PAUSE]


def test_a_run_that_has_ended_leaves_the_others_alone(loop: StackLoop) -> None:
    first, second = loop.begin_stack("run_1", "run_2")
    loop.change("run_1", status="succeeded")
    looked(loop, second)
    assert list(loop.worker.children.values()) == [second]
    assert loop.has_ended(first) and not loop.has_ended(second)


def test_a_run_whose_lease_is_lost_leaves_the_others_alone(loop: StackLoop) -> None:
    first, second = loop.begin_stack("run_1", "run_2")
    loop.report(first, pid=loop.process().pid)
    loop.turn()
    loop.change("run_2", attempt=2)
    loop.let_renewals_be_due()
    loop.turn()
    assert list(loop.worker.children.values()) == [first]
    assert loop.has_ended(second) and loop.processes[0].poll() is None


def test_when_the_process_dies_each_of_its_runs_is_retried(loop: StackLoop) -> None:
    first, *_ = loop.begin_stack("run_1", "run_2")
    with locked(loop.file):
        loop.report(first, exit=-signal.SIGKILL)
        loop.turn(2)
    loop.turn()
    assert [loop.run(run).deaths for run in ("run_1", "run_2")] == [1, 1]
    assert loop.started() == ["run_1/2"]  # alone, in case that it is to blame


def test_a_death_by_an_order_to_one_does_not_count_for_the_others(loop: StackLoop) -> None:
    first, second = loop.begin_stack("run_1", "run_2")
    loop.change("run_2", requested_action="cancel")
    looked(loop, second)
    loop.report(first, exit=-signal.SIGKILL)  # it missed its deadline
    loop.turn()
    assert (loop.run("run_1").deaths, loop.run("run_2").status) == (0, "cancelled")


def test_a_waiting_run_joins_when_one_has_ended_and_it_is_its_turn(loop: StackLoop) -> None:
    first, second, third = loop.begin_stack("run_1", "run_2", "run_3")
    loop.report(first, pid=loop.process().pid)
    loop.queue("run_4", "run_6")
    loop.queue("run_5", stack="b")
    loop.turn()
    assert loop.joined() is None  # there is no room
    loop.change("run_1", status="succeeded")
    looked(loop, second, third)
    loop.turn()
    assert loop.joined() == "run_4/1"
    assert loop.worker.children["run_4/1"].pid == loop.processes[0].pid
    loop.change("run_2", status="succeeded")
    looked(loop, third)
    loop.turn()
    assert loop.joined() is None and loop.run("run_6").status == "queued"  # the next turn is that of another program


def test_a_run_that_comes_too_late_waits_for_another_process(loop: StackLoop) -> None:
    first, second = loop.begin_stack("run_1", "run_2")
    assert loop.joins is not None
    loop.joins.shutdown(socket.SHUT_RD)  # as the process does when its last run has ended
    loop.queue("run_3")
    loop.turn()
    run = loop.run("run_3")
    assert (run.status, run.deaths, run.worker) == ("queued", 0, None)
    assert set(loop.worker.children) == {first.key, second.key}


def test_all_runs_of_a_program_give_way_together(loop: StackLoop) -> None:
    first, second = loop.begin_stack("run_1", "run_2")
    owned(loop, "ann", "run_1", "run_2")
    loop.queue("run_3", stack="b")
    owned(loop, "bob", "run_3")
    first.started = second.started = -math.inf
    assert looked(loop, first, second) == [HAND_BACK, HAND_BACK]
