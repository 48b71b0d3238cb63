"""The warm server: a process that has imported torch and nothing else happened to it, from which children are forked.

It never touches CUDA, a database or a thread: a fork would carry those over broken. It talks with its worker over one
socket of JSON messages: a job comes in with two file descriptors (the child's orders, the child's log), and out go
`{"key": …, "pid": …}` when its child has started and `{"key": …, "exit": …}` when it has ended (negative: a signal).
"""

import contextlib
import gc
import json
import os
import select
import signal
import socket
import sys
import traceback
from typing import Any

import numpy as np
import psycopg  # noqa: F401  # SQLAlchemy would load it in each child
import torch

from app.datasets.split import split
from app.learning.optimizers import Adam
from app.settings import Settings
from app.storage.curves import last_steps
from app.storage.database import Database
from app.storage.tables import Run, Table
from worker import importer, trainer

WORK = {"train": trainer.main, "import": importer.main}


def serve(worker: socket.socket) -> None:
    """Fork a child for each job until the worker closes the socket."""
    children: dict[int, str] = {}
    wake, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake_write)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the worker decides
    warm_up()
    gc.freeze()
    while True:
        watched: list[Any] = [worker, wake]
        ready, _, _ = select.select(watched, [], [])
        if wake in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(wake, 4096)
            for pid, code in _ended():
                worker.send(json.dumps({"key": children.pop(pid), "exit": code}).encode())
        if worker in ready:
            message, descriptors, _, _ = socket.recv_fds(worker, 1 << 20, 2)
            if not message:
                return
            job = json.loads(message)
            orders, log = descriptors
            pid = os.fork()
            if pid == 0:
                worker.close()
                _child(job, orders, log)
            os.close(orders)
            os.close(log)
            children[pid] = job["key"]
            worker.send(json.dumps({"key": job["key"], "pid": pid}).encode())


def warm_up() -> None:
    """What each child would load or set up for itself, as far as that starts no thread."""
    memory = Database("sqlite://")
    with memory.write() as db:
        Table.metadata.create_all(db.connection())
        db.get(Run, "")
        last_steps(db, "")
    memory.close()
    Adam().build([torch.nn.Parameter(torch.zeros(1))])  # torch loads its compiler with the first optimizer: a second
    if Settings().files_url:
        import app.storage.remote  # noqa: F401  # another second; a client of the store is each child's own
    split(np.arange(10) % 2, validation=0.2, test=0.2, seed=0, stratify=True)


def _ended() -> list[tuple[int, int]]:
    found = []
    with contextlib.suppress(ChildProcessError):
        while (ended := os.waitpid(-1, os.WNOHANG))[0]:
            found.append((ended[0], os.waitstatus_to_exitcode(ended[1])))
    return found


def _child(job: dict[str, Any], orders: int, log: int) -> None:
    """Run the job in this process and end it; never returns."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.dup2(log, 1)
        os.dup2(log, 2)
        WORK[job["kind"]](job, orders)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
