"""The warm server: a process that has imported torch, from which children are forked.

It never uses CUDA, a database connection or a thread, because these do not survive a fork. It exchanges JSON messages
with its worker over one socket. The first message has the settings that are common to all jobs. Each further message
is a job, with file descriptors: the child's orders, its log, and those that its kind of job needs. The server answers
`{"key": …, "pid": …}` when the job's child has started and `{"key": …, "exit": …}` when it has ended (negative: a
signal).
"""

import contextlib
import gc
import json
import os
import select
import signal
import socket
import sys
from typing import Any

import psycopg  # noqa: F401  # otherwise SQLAlchemy would load it in each child
import torch

from app.learning.optimizers import Adam
from app.storage.curves import last_steps
from app.storage.database import Database
from app.storage.tables import Run, Table
from worker import job_setup
from worker.prefork.child import DESCRIPTORS, PreforkedChild

QUIET_SECONDS = 0.2


def serve(worker: socket.socket) -> None:
    """Give each job to a child until the worker closes the socket.

    The next child is forked once the server has been idle for a moment: forking and warming up take as long as the rest
    of a start, and would slow down the run that has just begun.
    """
    children: dict[int, str] = {}
    wake, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake_write)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole process group; the worker decides
    first_message = worker.recv(1 << 20)
    if not first_message:
        return
    settings = json.loads(first_message)
    warm_up(settings)
    gc.freeze()
    spare, spare_is_due = None, True
    while True:
        watched: list[Any] = [worker, wake]
        ready, _, _ = select.select(watched, [], [], QUIET_SECONDS if spare_is_due else None)
        if not ready:
            spare, spare_is_due = PreforkedChild(settings, worker), False
        if wake in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(wake, 4096)
            for pid, code in ended_children():
                if pid in children:
                    worker.send(json.dumps({"key": children.pop(pid), "exit": code}).encode())
                elif (
                    spare is not None and pid == spare.pid
                ):  # the next job forks its own child, whose log may show the reason
                    spare.close()
                    spare = None
        if worker in ready:
            message, descriptors, _, _ = socket.recv_fds(worker, 1 << 20, DESCRIPTORS)
            if not message:
                if spare is not None:  # it is idle, and the worker is gone: reap it here
                    spare.close()
                    os.waitpid(spare.pid, 0)
                return
            child = spare or PreforkedChild(settings, worker)
            spare, spare_is_due = None, True
            child.give(message, descriptors)
            for descriptor in descriptors:
                os.close(descriptor)
            key = json.loads(message)["key"]
            children[child.pid] = key
            worker.send(json.dumps({"key": key, "pid": child.pid}).encode())


def warm_up(settings: dict[str, Any]) -> None:
    """Load what every child needs, as far as this starts no thread."""
    memory = Database("sqlite://")
    with memory.write() as db:
        Table.metadata.create_all(db.connection())
        db.get(Run, "")
        last_steps(db, "")
    memory.close()
    Adam().build(
        [torch.nn.Parameter(torch.zeros(1))]
    )  # the first optimizer loads torch's compiler, which takes a second
    if settings["files_url"]:
        import app.storage.files.s3  # noqa: F401  # takes a second; each child creates its own client
    import sklearn.metrics  # noqa: F401  # takes a second; the end of a run needs it

    job_setup.versions(torch.device("cpu"))  # Python starts a process for the processor's name, and caches it


def ended_children() -> list[tuple[int, int]]:
    """Process ids of ended children, each with its exit status, or its signal as a negative number."""
    ended_with = []
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            ended_with.append((ended[0], os.waitstatus_to_exitcode(ended[1])))
    return ended_with


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
