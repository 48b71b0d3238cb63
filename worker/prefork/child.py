"""A child process that is forked and warmed up before there is a job for it."""

import contextlib
import json
import os
import signal
import socket
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from app.storage.database import Database
from app.storage.files import open_files
from worker import batch_job, import_job, stacked_job, sweep_job, training_job
from worker.prefork.warmup import warm_up

WORK: dict[str, Callable[..., None]] = {
    "train": training_job.main,
    "stack": stacked_job.main,
    "import": import_job.main,
    "batch": batch_job.main,
    "sweep": sweep_job.main,
}
DESCRIPTORS = 64  # of a job, at most


class PreforkedChild:
    """Handle of a pre-forked idle child. The child exits when its parent dies or closes the socket.

    `settings` are common to all jobs; `parents` is the parent's socket to the worker, which the child closes.
    """

    def __init__(self, settings: dict[str, Any], parents: socket.socket) -> None:
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.pid = os.fork()
        if self.pid == 0:
            parents.close()
            self.socket.close()
            _live(settings, theirs)
        theirs.close()

    def give(self, job: bytes, descriptors: list[int]) -> None:
        """Send the job with its command pipe and its log. A dead child causes no error here; its end is reported as an
        exit."""
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            socket.send_fds(self.socket, [job], descriptors)
        self.close()

    def close(self) -> None:
        self.socket.close()


def _live(settings: dict[str, Any], parent: socket.socket) -> None:
    """Wait for a job, run it, and end this process; never returns."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        database, files = Database(settings["database"]), open_files(settings["files_url"], Path(settings["home"]))
        warm_up(settings, database)
        message, descriptors, _, _ = socket.recv_fds(parent, 1 << 20, DESCRIPTORS)
        if message:
            parent.close()
            job = settings | json.loads(message)
            orders, log, *others = descriptors
            os.dup2(log, 1)
            os.dup2(log, 2)
            WORK[job["kind"]](job, database, files, orders, *others)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)
