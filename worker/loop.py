"""The worker: claims runs and imports, runs each in a child process, renews the leases, and releases them at exit."""

import json
import logging
import math
import os
import select
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy.exc import DBAPIError
from sqlalchemy.orm import Session

from app.constants import RequestedAction
from app.messages import Message
from app.settings import Settings
from app.storage import migrate
from app.storage.change_counter import change_counter
from app.storage.database import Database, database_now, is_away
from app.storage.files import open_files
from app.storage.queue import workers
from app.storage.queue.claims import Group, LeaseLost
from app.storage.queue.run_claims import run_claims
from worker import import_cleanup
from worker.change_detector import Changes
from worker.child_process import QUEUES, Child, Kind, Stack
from worker.claiming import claim, claim_joining, kinds_to_claim
from worker.host_locks import HostLock, dead_workers
from worker.prefork.start import ServerDied, start_server
from worker.protocol import CANCEL, HAND_BACK, PAUSE, PING
from worker.retry import DATABASE_PAUSE

log = logging.getLogger("antigrad.worker")

DIED: dict[Kind, str] = {
    "train": "training_process_died",
    "import": "import_process_died",
    "batch": "batch_process_died",
    "sweep": "sweep_process_died",
}
LOOK_SECONDS = 0.2  # between two checks for cancelled and paused runs, and for dead workers


@dataclass(frozen=True)
class Death:
    """The end of a child process that is not recorded in the database yet. `how` completes "the process …".

    `ordered`: the process has ended, or was killed, because of an order.
    """

    child: Child
    how: str
    error: dict[str, Any]
    ordered: bool


class Worker:
    """A worker process with a single loop, so that no part of it can die unnoticed.

    The loop never waits until the database is available. A step that fails is repeated in the next turn, and the other
    leases are renewed meanwhile.
    """

    def __init__(self, settings: Settings, concurrency: int) -> None:
        self.settings, self.concurrency = settings, concurrency
        self.threads = settings.threads or max(1, (os.cpu_count() or 1) // concurrency)  # of a run
        self.database, self.files = Database(settings.database), open_files(settings.files_url, settings.home)
        settings.create_home()
        migrate.upgrade(self.database)
        self.counter = change_counter(self.database)
        self.changes, self.requests = Changes(self.counter), Changes(self.counter)  # of work, and of users' requests
        self.lock = HostLock(settings.home / "workers")
        self.id = self.lock.worker
        self.children: dict[str, Child] = {}
        self.stacks: dict[str, Stack] = {}  # by process
        self.deaths: list[Death] = []
        self.dead_workers: set[str] = set()
        # None waits for another.
        self.places: dict[Kind, int] = {"train": concurrency, "import": 1, "batch": 1, "sweep": 1}
        self.stopping = self.registered = self.refused = False
        self.last_beat = self.next_look = -math.inf
        self.warm, self.warm_process = start_server()
        self.warm.send(json.dumps(self._same_for_all_jobs()).encode())

    def _same_for_all_jobs(self) -> dict[str, Any]:
        settings = self.settings
        return {
            "database": settings.database,
            "files_url": settings.files_url,
            "home": str(settings.home.resolve()),
            "lease_seconds": settings.lease_seconds,
            "flush_seconds": settings.flush_seconds,
            "checkpoint_seconds": settings.checkpoint_seconds,
            "threads": self.threads,
            "stack_size": settings.stack_size,
        }

    def stop(self, *_: object) -> None:
        """Release all runs and leave the loop."""
        self.stopping = True

    def serve(self, until_closed: int | None = None) -> None:
        """Work until `stop` is called, or until the file descriptor `until_closed` reaches end-of-file."""
        log.info("worker %s has started; it trains up to %d runs at once", self.id, self.concurrency)
        while not self.stopping or self.children or self.deaths:
            self._turn(until_closed)
        with self._refusals_postponed(), self.database.write() as db:
            workers.forget(db, self.id)

    def _turn(self, until_closed: int | None = None) -> None:
        """Do one turn of the loop."""
        ready = self._wait(None if self.stopping else until_closed)
        if self.warm in ready:
            self._receive_from_children()
        if until_closed is not None and until_closed in ready and not os.read(until_closed, 4096):
            self.stop()
        self.refused = False
        self._beat()
        self._record_deaths()
        if time.monotonic() >= self.next_look:
            self.next_look = time.monotonic() + LOOK_SECONDS
            if self.requests.should_poll():
                self._forward_requests()
            self._release_dead_workers()
        if self.changes.should_poll():
            self._fill_places()
        self._enforce()
        if self.refused:
            time.sleep(DATABASE_PAUSE)

    def _wait(self, until_closed: int | None) -> list[Any]:
        """Wait for the next turn; returns the descriptors that can be read.

        Where notices announce changes, a turn is due after the next one, but not sooner than `poll_seconds` after the
        last turn; else every `poll_seconds`."""
        descriptors: list[Any] = [self.warm] if until_closed is None else [self.warm, until_closed]
        ready, _, _ = select.select(descriptors, [], [], self.settings.poll_seconds)
        notices = self.counter.descriptor
        if not ready and notices is not None:
            longest = min(LOOK_SECONDS, self.settings.heartbeat_seconds) - self.settings.poll_seconds
            ready, _, _ = select.select([*descriptors, notices], [], [], max(0.0, longest))
        return ready

    @contextmanager
    def _refusals_postponed(self) -> Iterator[None]:
        """Context that postpones a step if the database is temporarily unavailable. Raises all other errors."""
        try:
            yield
        except DBAPIError as error:
            if not is_away(error):
                raise
            log.warning("the database does not answer: %s", error.orig)
            self._postpone()

    def _fill_places(self) -> None:
        """Claim runs and imports while there are free places."""
        with self._refusals_postponed():
            has_claimed = True
            while has_claimed and not self.stopping:
                free = {kind: self._free_threads(kind) for kind in kinds_to_claim(self.database)}
                has_claimed = any([self._claim(kind, threads) for kind, threads in free.items() if threads > 0])
            for process, stack in self.stacks.items():
                while not self.stopping and self._fill_stack(process, stack):
                    pass

    def _free_threads(self, kind: Kind) -> int:
        """Threads of the places for jobs of this kind that no process uses: a program of several runs uses one."""
        processes = {child.process: child.stacked for child in self.children.values() if child.kind == kind}
        return self.threads * self.places[kind] - sum(1 if stacked else self.threads for stacked in processes.values())

    def _claim(self, kind: Kind, threads: int) -> bool:
        """Claim one import or run, with the runs that train with it, and start its child; returns False if there is
        none. Programs of runs are spread over so many threads."""
        asked, group = time.monotonic(), Group(self.settings.stack_size, threads)
        try:
            claimed = claim(self.database, kind, self.id, self.settings.lease_seconds, group)
        except OSError as error:
            return self._no_child(error)
        if claimed is None:
            return False
        claimed.hand_over(self.warm)
        if claimed.stack is not None:
            self.stacks[claimed.process] = claimed.stack
        for member, channel in zip(claimed.members, claimed.channels, strict=True):
            self._begun(Child(kind, **member, channel=channel, renewed=asked, started=asked, process=claimed.process))
        return True

    def _fill_stack(self, process: str, stack: Stack) -> bool:
        """Let the run whose turn it is join a program of runs, if there is room and it can; returns False otherwise."""
        members, asked = self._sharing(process), time.monotonic()
        if not 0 < len(members) < self.settings.stack_size or any(member.order is not None for member in members):
            return False
        first, lease_seconds = members[0], self.settings.lease_seconds
        try:
            joined = claim_joining(self.database, self.id, lease_seconds, stack, first.channel)
        except OSError as error:
            return self._no_child(error)
        if joined is None:
            return False
        member, channel = joined
        child = Child("train", **member, channel=channel, renewed=asked, started=asked, process=process)
        child.pid = first.pid
        self._begun(child)
        return True

    def _begun(self, child: Child) -> None:
        child.stacked = child.process in self.stacks
        self.children[child.key] = child
        log.info("%s: attempt %d begins", child.id, child.attempt, extra={"run": child.id})

    def _no_child(self, error: OSError) -> bool:
        log.warning("no child can be started: %s", error)
        self._postpone()
        return False

    def _sharing(self, process: str) -> list[Child]:
        """The children that share a process."""
        return [child for child in self.children.values() if child.process == process]

    def _postpone(self) -> None:
        """Repeat the step in the next turn, after a pause."""
        self.refused = True
        self.changes.force_poll()
        self.requests.force_poll()

    def _receive_from_children(self) -> None:
        message = self.warm.recv(4096)
        if not message:
            raise ServerDied(f"the warm server has ended with status {self.warm_process.wait()}")
        news = json.loads(message)
        children = self._sharing(news["key"])
        if "pid" in news:
            for child in children:
                child.pid = news["pid"]
            return
        self.changes.force_poll()  # their place is free
        if (stack := self.stacks.pop(news["key"], None)) is not None:
            stack.close()
        ordered = any(child.order is not None for child in children)
        for child in children:
            del self.children[child.key]
            self._ended(child, news["exit"], ordered)

    def _ended(self, child: Child, code: int, ordered: bool) -> None:
        """Close a child whose process has exited, and keep the reason until it is recorded."""
        lines = child.channel.last_lines()
        child.channel.close()
        how = f"was killed by {_signal_name(-code)}" if code < 0 else f"ended with status {code}"
        died = DIED[child.kind]
        reason = Message.of(died, how=how, maybe_memory=code == -signal.SIGKILL)
        error = {"type": "ChildDied", "message": reason.text(), "trace": lines} | reason.to_json()
        if child.order is not None:
            how = "did not obey an order in time and was killed"
        self.deaths.append(Death(child, how, error, ordered))

    def _over(self, child: Child) -> None:
        """Close a child that shares a process with others and whose run has ended, or is another worker's: the process
        leaves the run."""
        self.changes.force_poll()
        child.channel.close()
        del self.children[child.key]
        log.info("%s: attempt %d is over", child.id, child.attempt, extra={"run": child.id})

    def _record_deaths(self) -> None:
        """Record each death, so that the job is retried. If the child has ended its job itself, its lease is gone."""
        for death in list(self.deaths):
            child = death.child
            with self._refusals_postponed():
                try:
                    if self._lease_has_run_out(child):
                        raise LeaseLost(child.id)
                    with self.database.write() as db:
                        self._record(db, death)
                    log.warning(
                        "%s: attempt %d: the process %s", child.id, child.attempt, death.how, extra={"run": child.id}
                    )
                except LeaseLost:
                    log.info("%s: attempt %d is over", child.id, child.attempt, extra={"run": child.id})
                self.deaths.remove(death)
                if child.kind == "import":
                    # In a thread: an unavailable store must not delay the renewal of leases.
                    arguments = self.database, self.files, self.settings.home, child.id
                    threading.Thread(target=import_cleanup.tidy, args=arguments, name=f"tidy {child.id}").start()

    def _record(self, db: Session, death: Death) -> None:
        """Record one death in the database. Raises LeaseLost."""
        child = death.child
        if self.stopping or death.ordered:  # it obeyed the order, or was killed after its deadline
            QUEUES[child.kind].give_back(db, child.id, child.attempt)
        else:
            QUEUES[child.kind].child_died(db, child.id, child.attempt, death.error)

    def _lease_has_run_out(self, child: Child) -> bool:
        return time.monotonic() - child.renewed > self.settings.lease_seconds

    def _beat(self) -> None:
        """Renew each lease that is due and ping its child; mark children whose lease is lost. Record the heartbeat."""
        for child in list(self.children.values()):
            asked = time.monotonic()
            if child.lost or asked - child.renewed < self.settings.heartbeat_seconds:
                continue
            with self._refusals_postponed():
                try:
                    with self.database.write() as db:
                        arguments = child.id, child.attempt, database_now(), self.settings.lease_seconds
                        QUEUES[child.kind].renew(db, *arguments)
                    child.renewed = asked
                    child.tell(PING)
                except LeaseLost:
                    if child.stacked:
                        self._over(child)
                    else:
                        child.lost = True
        asked = time.monotonic()
        if asked - self.last_beat >= self.settings.heartbeat_seconds:
            with self._refusals_postponed():
                with self.database.write() as db:
                    if self.registered:
                        workers.beat(db, self.id, database_now())
                    else:
                        workers.register(db, self.id, self.concurrency, database_now())
                self.last_beat, self.registered = asked, True

    def _forward_requests(self) -> None:
        """Forward users' cancel and pause requests, and let runs give way."""
        for child in [child for child in self.children.values() if child.kind == "train"]:
            with self._refusals_postponed(), self.database.read() as db:
                try:
                    action = run_claims.requested_action(db, child.id, child.attempt)
                except LeaseLost:
                    if child.stacked:
                        self._over(child)
                    continue
                match action:
                    case RequestedAction.CANCEL if child.order != CANCEL:  # also while it pauses or is handed back
                        child.tell(CANCEL)
                    case RequestedAction.PAUSE if child.order is None:
                        child.tell(PAUSE)
                    case None if child.order is None and self._gives_way(db, child):
                        log.info("%s: gives way to another owner's run", child.id)
                        for member in self._sharing(child.process):
                            member.tell(HAND_BACK)

    def _release_dead_workers(self) -> None:
        """Release the jobs of dead workers of this machine."""
        self.dead_workers.update(dead_workers(self.lock))  # it removes their locks, so it reports each only once
        for worker in sorted(self.dead_workers):
            with self._refusals_postponed():
                with self.database.write() as db:
                    released = sum(queue.release_worker(db, worker) for queue in QUEUES.values())
                    workers.forget(db, worker)
                self.dead_workers.remove(worker)
                log.warning("worker %s has died; released %d runs and imports", worker, released)

    def _gives_way(self, db: Session, child: Child) -> bool:
        """True if the run has had its slice, and a run of another owner waits for a place and has the next turn.

        One run at a time gives way, since one place may be enough."""
        slice_seconds = self.settings.slice_seconds
        if not slice_seconds or time.monotonic() - child.started < slice_seconds:
            return False
        if any(other.order == HAND_BACK for other in self.children.values()):
            return False
        now = database_now()
        is_full = workers.training(db, now) >= workers.places(db, now, self.settings.lease_seconds)
        return is_full and run_claims.gives_way(db, child.id, now)

    def _enforce(self) -> None:
        """Kill children that missed their deadline, and those whose lease is lost or may have expired."""
        now = time.monotonic()
        for child in self.children.values():
            if self.stopping and child.order is None:
                child.tell(HAND_BACK)
            late = child.deadline is not None and now > child.deadline
            if late or child.lost or self._lease_has_run_out(child):
                child.kill()

    def close(self) -> None:
        """Release all resources; the children and the warm server exit when their pipes close."""
        for child in self.children.values():
            child.channel.close()
        for stack in self.stacks.values():
            stack.close()
        self.warm.close()
        self.warm_process.wait()
        self.counter.close()
        self.database.close()
        self.lock.release()


def _signal_name(number: int) -> str:
    """The name of a signal; most real-time signals have none, so they get their number."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
