"""The warm server: a process that has imported torch and nothing else happened to it, from which children are forked.

It never touches CUDA, a database or a thread: a fork would carry those over broken. It talks with its worker over one
socket of JSON messages. First comes what is the same for all jobs; then a job comes in with two file descriptors (the
child's orders, the child's log), and out go `{"key": …, "pid": …}` when its child has started and
`{"key": …, "exit": …}` when it has ended (negative: a signal).
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

import psycopg  # noqa: F401  # SQLAlchemy would load it in each child
import torch

from app.learning.optimizers import Adam
from app.storage.curves import last_steps
from app.storage.database import Database
from app.storage.tables import Run, Table
from worker import job_setup
from worker.prefork.child import PreforkedChild

QUIET_SECONDS = 0.2


def serve(worker: socket.socket) -> None:
    """Give each job to a child until the worker closes the socket.

    The next child is forked as soon as nothing has been asked for a moment: forking and rehearsing take as long as the
    rest of a start, and would take it from the run that has just begun.
    """
    children: dict[int, str] = {}
    wake, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake_write)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the worker decides
    told = worker.recv(1 << 20)
    if not told:
        return
    settings = json.loads(told)
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
                elif spare is not None and pid == spare.pid:  # the next job has one of its own, and may say why
                    spare.close()
                    spare = None
        if worker in ready:
            message, descriptors, _, _ = socket.recv_fds(worker, 1 << 20, 2)
            if not message:
                if spare is not None:  # it has nothing to save, and nobody is left who would wait for it
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
    """Load and set up what every child needs, as far as that starts no thread."""
    memory = Database("sqlite://")
    with memory.write() as db:
        Table.metadata.create_all(db.connection())
        db.get(Run, "")
        last_steps(db, "")
    memory.close()
    Adam().build([torch.nn.Parameter(torch.zeros(1))])  # torch loads its compiler with the first optimizer: a second
    if settings["files_url"]:
        import app.storage.files.s3  # noqa: F401  # another second; a client of the store is each child's own
    import sklearn.metrics  # noqa: F401  # one more; the end of a run needs it

    job_setup.versions(torch.device("cpu"))  # Python asks a process of its own for the processor's name, once


def ended_children() -> list[tuple[int, int]]:
    """This process's children that have ended, and how: an exit status, or a signal as a negative number."""
    found = []
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            found.append((ended[0], os.waitstatus_to_exitcode(ended[1])))
    return found


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
