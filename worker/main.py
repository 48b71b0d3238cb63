"""The worker: claims runs and imports, does each in a child process, keeps their leases, hands them back on leaving."""

import argparse
import contextlib
import json
import logging
import os
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from typing import Any

from sqlalchemy.exc import OperationalError

from app.ops.startup import starting
from app.settings import Settings, SettingsRefused, load
from app.storage import migrate
from app.storage.database import Database, database_now, is_away
from app.storage.files import open_files
from app.storage.queue import imports, leases, workers
from app.storage.queue.leases import LeaseLost
from worker import import_cleanup
from worker.change_detector import Changes
from worker.child_process import QUEUES, Child, Kind
from worker.host_locks import WorkerLock, dead_workers
from worker.protocol import CANCEL, HAND_BACK, PAUSE, PING

log = logging.getLogger("antigrad.worker")

# OpenMP's threads spin while they wait for one another; on a machine that does anything else beside a training, that
# was measured to cost nine tenths of the speed.
PASSIVE = {"OMP_WAIT_POLICY": "PASSIVE"}


class WarmServerDied(RuntimeError):
    """The process from which children are forked has ended."""


def start_warm_server() -> tuple[socket.socket, "subprocess.Popen[bytes]"]:
    """The process from which children are forked, and the socket to it."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    process = subprocess.Popen(
        [sys.executable, "-m", "worker.prefork.server", str(theirs.fileno())],
        pass_fds=[theirs.fileno()],
        stdin=subprocess.DEVNULL,
        env=PASSIVE | os.environ,
    )
    theirs.close()
    return ours, process


class Worker:
    """One worker process. Everything happens in one loop, so nothing can die beside it unseen."""

    def __init__(self, settings: Settings, concurrency: int) -> None:
        self.settings, self.concurrency = settings, concurrency
        self.database, self.files = Database(settings.database), open_files(settings.files_url, settings.home)
        settings.home.mkdir(parents=True, exist_ok=True)
        migrate.upgrade(self.database)
        self.changes = Changes(self.database)
        self.lock = WorkerLock(settings.home / "workers")
        self.id = self.lock.worker
        self.children: dict[str, Child] = {}
        self.places: dict[Kind, int] = {"train": concurrency, "import": 1}  # neither waits for the other
        self.stopping = False
        self.warm, self.warm_process = start_warm_server()
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
            "threads": settings.threads or max(1, (os.cpu_count() or 1) // self.concurrency),
        }

    def stop(self, *_: object) -> None:
        """Hand every run back and leave the loop."""
        self.stopping = True

    def serve(self, until_closed: int | None = None) -> None:
        """Work until told to stop, or until the file descriptor `until_closed` reaches its end."""
        with self.database.write() as db:
            workers.register(db, self.id, self.concurrency, database_now())
        log.info("worker %s takes %d runs at once", self.id, self.concurrency)
        next_beat = next_look = 0.0
        while not self.stopping or self.children:
            descriptors: list[Any] = [self.warm] if until_closed is None or self.stopping else [self.warm, until_closed]
            ready, _, _ = select.select(descriptors, [], [], self.settings.poll_seconds)
            if self.warm in ready:
                self._hear_from_children()
            if until_closed in ready and not os.read(until_closed or 0, 4096):
                self.stop()
            now = time.monotonic()
            try:
                if now >= next_beat:
                    next_beat = now + self.settings.heartbeat_seconds
                    self._beat()
                if now >= next_look:
                    next_look = now + 0.2
                    self._look_around()
                if self.changes.look_is_due():
                    self._fill_places()
            except OperationalError as error:
                if not is_away(error):
                    raise
                self.changes.look_again()
                log.warning("the database does not answer: %s", error.orig)
                time.sleep(0.2)
            self._enforce()
        with contextlib.suppress(OperationalError), self.database.write() as db:
            workers.forget(db, self.id)

    def _fill_places(self) -> None:
        """Take what is free, as far as there is room."""
        for kind, at_once in self.places.items():
            while not self.stopping and self._at_work(kind) < at_once and self._claim(kind):
                pass

    def _at_work(self, kind: Kind) -> int:
        return sum(child.kind == kind for child in self.children.values())

    def _claim(self, kind: Kind) -> bool:
        """Take one run or import and start its child; answers whether there was one."""
        asked = time.monotonic()
        with self.database.read() as db:
            if not QUEUES[kind].any_free(db, database_now()):
                return False
        with self.database.write() as db:
            found = QUEUES[kind].claim(db, self.id, database_now(), self.settings.lease_seconds)
        if found is None:
            return False
        orders_read, orders_write = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(orders_write, False)
        log_file = tempfile.TemporaryFile()  # noqa: SIM115
        child = Child(kind, found.id, found.attempt, orders_write, log_file, renewed=asked)
        job = {"kind": kind, "key": child.key, "id": found.id, "attempt": found.attempt}
        socket.send_fds(self.warm, [json.dumps(job).encode()], [orders_read, child.log.fileno()])
        os.close(orders_read)
        self.children[child.key] = child
        log.info("%s: attempt %d begins", found.id, found.attempt)
        return True

    def _hear_from_children(self) -> None:
        message = self.warm.recv(4096)
        if not message:
            raise WarmServerDied(f"the warm server has ended with {self.warm_process.wait()}")
        news = json.loads(message)
        if "pid" in news:
            self.children[news["key"]].pid = news["pid"]
        else:
            self._ended(self.children.pop(news["key"]), news["exit"])

    def _ended(self, child: Child, code: int) -> None:
        """A child is gone: if it has not ended its run itself, say why, and let the run be tried again."""
        self.changes.look_again()  # there is room for another one
        lines = child.last_lines()
        child.close()
        how = f"was killed by {signal.Signals(-code).name}" if code < 0 else f"ended with status {code}"
        if code == -signal.SIGKILL:
            how += " (out of memory is a usual reason)"
        message = {
            "train": f"the training process {how}",
            "import": f"the process that reads it {how}; save the file anew, or in another format, and send it again",
        }[child.kind]
        error = {"type": "ChildDied", "message": message, "trace": lines}
        if child.order is not None:
            how = "did not leave in time when it was told to, and was ended"
        try:
            self._patiently(child, error)
            log.warning("%s: attempt %d: the process %s", child.id, child.attempt, how)
        except LeaseLost:
            log.info("%s: attempt %d is over", child.id, child.attempt)  # the child has recorded how
        if child.kind == "import":
            # Beside the loop: a store that is away shall not keep the leases from being renewed.
            arguments = self.database, self.files, self.settings.home, child.id
            threading.Thread(target=import_cleanup.tidy, args=arguments, name=f"tidy {child.id}").start()

    def _patiently(self, child: Child, error: dict[str, Any]) -> None:
        """Record a death; while the database is away, wait for it as long as the lease is ours."""
        while True:
            try:
                with self.database.write() as db:
                    if self.stopping or child.order is not None:  # it was killed since it did not obey in time
                        QUEUES[child.kind].give_back(db, child.id, child.attempt, database_now())
                    elif child.kind == "import":
                        imports.child_died(db, child.id, child.attempt, error["message"])
                    else:
                        leases.child_died(db, child.id, child.attempt, database_now(), error)
                return
            except OperationalError as error:
                if not is_away(error):
                    raise
                if time.monotonic() - child.renewed > self.settings.lease_seconds:
                    raise LeaseLost(child.id) from None
                time.sleep(0.2)

    def _beat(self) -> None:
        """Renew every lease; a child whose lease is lost is ended, one whose lease is kept hears that we live."""
        for child in list(self.children.values()):
            asked = time.monotonic()
            try:
                with self.database.write() as db:
                    QUEUES[child.kind].renew(db, child.id, child.attempt, database_now(), self.settings.lease_seconds)
            except LeaseLost:
                child.kill()
                continue
            child.renewed = asked
            child.tell(PING)
        with self.database.write() as db:
            workers.beat(db, self.id, database_now())

    def _look_around(self) -> None:
        """Pass on what users want of our runs, and put back what workers of this machine held that have died."""
        for child in (child for child in self.children.values() if child.kind == "train"):
            with contextlib.suppress(LeaseLost), self.database.read() as db:
                match leases.wanted(db, child.id, child.attempt):
                    case "cancel" if child.order != CANCEL:  # also while it pauses or is handed back
                        child.tell(CANCEL)
                    case "pause" if child.order is None:
                        child.tell(PAUSE)
        for worker in dead_workers(self.lock):
            with self.database.write() as db:
                released = sum(queue.release_worker(db, worker, database_now()) for queue in QUEUES.values())
                workers.forget(db, worker)
            log.warning("worker %s has died; %d runs and imports are free again", worker, released)

    def _enforce(self) -> None:
        """Kill what did not obey in time, and what trains on a lease that may have run out."""
        now = time.monotonic()
        for child in self.children.values():
            if self.stopping and child.order is None:
                child.tell(HAND_BACK)
            late = child.deadline is not None and now > child.deadline
            if late or now - child.renewed > self.settings.lease_seconds:
                child.kill()

    def close(self) -> None:
        """Let go of everything; the children and the warm server notice the end of their pipes."""
        for child in self.children.values():
            child.close()
        self.warm.close()
        self.warm_process.wait()
        self.changes.close()
        self.database.close()
        self.lock.release()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m worker")
    parser.add_argument("--concurrency", type=int, default=1, help="how many runs to train at once")
    parser.add_argument("--until-stdin-closes", action="store_true", help="stop with the process that started this")
    arguments = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    logging.getLogger("alembic").setLevel(logging.WARNING)
    try:
        settings = load()
    except SettingsRefused as error:
        sys.exit(str(error))
    with starting(settings):
        worker = Worker(settings, arguments.concurrency)
    signal.signal(signal.SIGTERM, worker.stop)
    signal.signal(signal.SIGINT, worker.stop)
    try:
        worker.serve(until_closed=0 if arguments.until_stdin_closes else None)
    finally:
        worker.close()
