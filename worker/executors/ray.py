"""Training on a Ray cluster: workers that come and go with the queue.

Each worker is an actor. It waits at Ray for its CPUs and GPUs, and then claims runs itself, as a worker of any machine
does. So a run that waits for room in the cluster holds no lease, its turn is decided when there is room, and the
database alone knows who holds what: Ray's control store is in memory. Retries are the queue's work, with a new fence,
and never Ray's.

If a node dies, the leases of its workers expire, and others go on from the last checkpoints. A worker whose node
manager died can run on for a minute; it renews its leases meanwhile, so that no run is trained twice.
"""

import hashlib
import logging
import os
import select
import sys
import threading
import time
from dataclasses import dataclass
from typing import Any

os.environ.setdefault("RAY_AUTH_MODE", "token")  # Ray's ports run code for whoever reaches them

import ray
from ray.exceptions import RayActorError, RayError
from sqlalchemy.exc import DBAPIError

from app.ops.startup import starting
from app.settings import Settings, SettingsRefused, load
from app.storage import migrate
from app.storage.database import Database, database_now, is_away
from app.storage.ids import new_id
from app.storage.queue import workers
from worker.child_process import QUEUES
from worker.host_locks import HostLock
from worker.loop import Worker
from worker.signals import stop_at_signals

log = logging.getLogger("antigrad.worker")

LOOK_SECONDS = 0.2  # between two looks at the queue
IDLE_SECONDS = 30.0  # after which a worker without a run leaves the cluster; a new one takes about five to come
ALONE_SECONDS = 10.0  # after which a worker that has left ends its process by itself
FAREWELL_SECONDS = 60.0  # for the workers to hand their runs back; on a node that is lost they cannot
ROOM_SECONDS = 10.0  # for a worker to be placed by Ray and to tell of its first look, when the pool ends
FAILED_SECONDS = 10.0  # after a worker could not start, until the next one is tried


@dataclass(frozen=True)
class Shape:
    """The workers of a cluster: how many at most, and the CPUs and GPUs that each asks for.

    Part of a GPU is bookkeeping, not isolation: the workers on one GPU share its memory.
    """

    most: int
    cpus: float
    gpus: float


class IdleWorker(Worker):
    """A worker that leaves when it has had nothing to do for `IDLE_SECONDS`."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings, concurrency=1)
        self.busy = time.monotonic()
        self.has_looked = threading.Event()

    def _turn(self, until_closed: int | None = None) -> None:
        super()._turn(until_closed)
        self.has_looked.set()
        now = time.monotonic()
        if self.children:
            self.busy = now
        elif now - self.busy > IDLE_SECONDS:
            self.stop()


class Member:
    """The actor: a worker in the environment of its node."""

    def __init__(self, storage: str, cpus: float) -> None:
        """Raises SettingsRefused if the node has other storage than the process that asked for the worker."""
        settings = load()
        if storage_of(settings) != storage:
            raise SettingsRefused(
                f"the node {os.uname().nodename} uses another database or object store: start Ray there with the same "
                "ANTIGRAD_DATABASE_URL and ANTIGRAD_FILES_URL"
            )
        threads = settings.threads or max(1, int(cpus))
        self.worker = IdleWorker(settings.model_copy(update={"threads": threads}))

    def serve(self) -> None:
        """Work until there is nothing to do. Then the pool ends this process, or, where it is gone, a timer does."""
        try:
            self.worker.serve()
        finally:
            self.worker.close()
            threading.Timer(ALONE_SECONDS, os._exit, [0]).start()

    def looked(self) -> None:
        """Wait until the worker has looked at the queue."""
        self.worker.has_looked.wait()

    def stop(self) -> None:
        self.worker.stop()


def storage_of(settings: Settings) -> str:
    """A digest of the database and the object store, which may hold passwords."""
    return hashlib.sha256(f"{settings.database_url}\n{settings.files_url}".encode()).hexdigest()[:16]


class Pool:
    """The workers on the cluster: one more for each job that waits, up to `shape.most`.

    It is in the list of workers with the places that are not taken yet. Its end leaves the workers alone, unless it is
    asked to stop.
    """

    def __init__(self, settings: Settings, shape: Shape) -> None:
        self.settings, self.shape, self.storage = settings, shape, storage_of(settings)
        self.database = Database(settings.database)
        settings.create_home()
        migrate.upgrade(self.database)
        self.lock = HostLock(settings.home / "workers")
        self.namespace = f"antigrad-{self.storage}"
        self.ends: dict[Any, Any] = {}  # actors by the reference to their end
        self.coming: dict[Any, Any] = {}  # actors that have not looked at the queue, by the reference to that look
        self.recorded: int | None = None  # free places
        self.stopping = False
        self.next_start = self.last_beat = 0.0

    def stop(self, *_: object) -> None:
        """Let the workers release their runs, and end."""
        self.stopping = True

    def serve(self, until_closed: int | None) -> None:
        descriptors = [] if until_closed is None else [until_closed]
        while not self.stopping:
            ready, _, _ = select.select(descriptors, [], [], LOOK_SECONDS)
            if ready and not os.read(ready[0], 4096):
                self.stop()
            self._turn()
        self._end_all()
        with self.database.write() as db:
            workers.forget(db, self.lock.worker)

    def _end_all(self) -> None:
        """Let the workers hand their runs back. One that has not told of its first look may have a run already; after a
        while it is one that waits for room at Ray, and has none."""
        for actor in self.ends.values():
            actor.stop.remote()
        begun, are_killed = time.monotonic(), False
        while self.ends and (waited := time.monotonic() - begun) < FAREWELL_SECONDS:
            self._collect(timeout=LOOK_SECONDS)
            if waited > ROOM_SECONDS and not are_killed:
                are_killed = True
                for actor in self.coming.values():
                    ray.kill(actor)

    def _turn(self) -> None:
        """Start the workers that are missing."""
        self._collect()
        present = len(ray.util.list_named_actors(all_namespaces=False))
        free = max(0, self.shape.most - present)
        try:
            missing = self._record(free)
        except DBAPIError as error:
            if not is_away(error):
                raise
            log.warning("the database does not answer: %s", error.orig)
            return
        if time.monotonic() >= self.next_start:
            for _ in range(min(missing - len(self.coming), free)):
                self._start()

    def _record(self, free: int) -> int:
        """Record the free places with the heartbeat, if they changed or it is due; returns the number of jobs that
        wait."""
        now = time.monotonic()
        if free != self.recorded or now - self.last_beat >= self.settings.heartbeat_seconds:
            with self.database.write() as db:
                if self.recorded is None:
                    workers.register(db, self.lock.worker, free, database_now())
                else:
                    workers.resize(db, self.lock.worker, free)
                    workers.beat(db, self.lock.worker, database_now())
            self.recorded, self.last_beat = free, now
        with self.database.read() as db:
            others = sum(QUEUES[kind].any_claimable(db, database_now()) for kind in QUEUES if kind != "train")
            return workers.waiting(db, database_now()) + others

    def _start(self) -> None:
        actor_class: Any = ray.remote(Member).options(
            name=new_id("worker"),
            lifetime="detached",
            num_cpus=self.shape.cpus,
            num_gpus=self.shape.gpus,
            max_restarts=0,
            max_task_retries=0,
            max_concurrency=3,  # serve, looked and stop
        )
        actor = actor_class.remote(self.storage, self.shape.cpus)
        self.coming[actor.looked.remote()] = actor
        self.ends[actor.serve.remote()] = actor

    def _collect(self, timeout: float = 0) -> None:
        """Forget workers that have ended; waits up to `timeout` seconds for the first of them."""
        for look in ray.wait(list(self.coming), num_returns=len(self.coming), timeout=0)[0] if self.coming else ():
            del self.coming[look]
        if not self.ends:
            return
        for end in ray.wait(list(self.ends), timeout=timeout)[0]:
            actor = self.ends.pop(end)
            try:
                ray.get(end)
                ray.kill(actor)
            except RayActorError as error:
                log.warning("a worker on the cluster has died: %s", error)
                self.next_start = time.monotonic() + FAILED_SECONDS

    def close(self) -> None:
        self.database.close()
        self.lock.release()


def serve(settings: Settings, address: str, shape: Shape, until_closed: int | None) -> None:
    """Keep workers on the cluster until a signal, or until the file descriptor reaches end-of-file."""
    with starting(settings):
        pool = Pool(settings, shape)
    try:
        ray.init(address=address, namespace=pool.namespace, log_to_driver=False, configure_logging=False)
    except (RayError, ConnectionError) as error:
        sys.exit(f"the Ray cluster at {address} cannot be used: {error}")
    stop_at_signals(pool.stop)
    try:
        pool.serve(until_closed)
    finally:
        pool.close()
