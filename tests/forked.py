"""Workers for tests, forked from a process that has imported what they import: beginning anew takes each some seconds
of both cores. They are real processes, with a warm server and children as `python -m worker` has them; that command
itself is started by the tests of `serve`, of the command line and of the documents.
"""

import contextlib
import gc
import json
import os
import select
import signal
import socket
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import worker.main
from worker.prefork import server

ROOT = Path(__file__).parent.parent


class Forked:
    """A worker; what tests do with a `Popen`."""

    def __init__(self, nursery: "Nursery", pid: int, stdin: int) -> None:
        self.nursery, self.pid, self.stdin = nursery, pid, os.fdopen(stdin, "wb")

    def poll(self) -> int | None:
        """Its exit status, or the signal that has ended it as a negative number; None while it lives."""
        self.nursery.hear()
        return self.nursery.ended.get(self.pid)

    def wait(self, timeout: float = 60) -> int:
        deadline = time.monotonic() + timeout
        while (found := self.poll()) is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"the worker {self.pid} lives after {timeout} s")
            time.sleep(0.01)
        return found

    def terminate(self) -> None:
        os.kill(self.pid, signal.SIGTERM)

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)


class Nursery:
    """The process from which they are forked."""

    def __init__(self) -> None:
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.ended: dict[int, int] = {}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.forked", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            cwd=ROOT,
            env=worker.main.PASSIVE | os.environ,
        )
        theirs.close()

    def start(self, environment: dict[str, str]) -> Forked:
        """A worker with these variables, which leaves when its `stdin` is closed."""
        self.hear()
        read, write = os.pipe2(os.O_CLOEXEC)
        socket.send_fds(self.socket, [json.dumps(environment).encode()], [read])
        os.close(read)
        while "pid" not in (news := json.loads(self.socket.recv(4096))):
            self.ended[news["ended"]] = news["code"]
        return Forked(self, news["pid"], write)

    def hear(self) -> None:
        """Take note of who has ended."""
        while select.select([self.socket], [], [], 0)[0]:
            news = json.loads(self.socket.recv(4096))
            self.ended[news["ended"]] = news["code"]

    def close(self) -> None:
        self.socket.close()
        self.process.wait(60)


def serve(tests: socket.socket) -> None:
    """Fork a worker for each message, and tell of its end, until the socket is closed."""
    wake, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake_write)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    server.warm_up({"files_url": ""})
    gc.freeze()
    while True:
        watched: list[Any] = [tests, wake]
        ready, _, _ = select.select(watched, [], [])
        if wake in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(wake, 4096)
            for pid, code in server.ended_children():
                tests.send(json.dumps({"ended": pid, "code": code}).encode())
        if tests in ready:
            message, descriptors, _, _ = socket.recv_fds(tests, 1 << 20, 1)
            if not message:
                return
            pid = os.fork()
            if pid == 0:
                tests.close()
                _work(json.loads(message), descriptors[0])
            os.close(descriptors[0])
            tests.send(json.dumps({"pid": pid}).encode())


def _work(environment: dict[str, str], stdin: int) -> None:
    """What `python -m worker --until-stdin-closes` does; never returns."""
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        os.environ.clear()
        os.environ.update(environment)
        os.dup2(stdin, 0)
        os.close(stdin)
        ready = _warm_server()  # before there is a lock, a database or a thread that it would carry along
        worker.main.start_warm_server = lambda: ready  # type: ignore[assignment,return-value]
        sys.argv = ["worker", "--until-stdin-closes"]
        worker.main.main()
        code = 0
    except SystemExit as leaving:
        code = leaving.code if isinstance(leaving.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(code)


class _WarmServer:
    """What the worker asks of the process."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def wait(self) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])


def _warm_server() -> tuple[socket.socket, _WarmServer]:
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        ours.close()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        with contextlib.suppress(BaseException):
            server.serve(theirs)
        os._exit(0)
    theirs.close()
    return ours, _WarmServer(pid)


if __name__ == "__main__":
    serve(socket.socket(fileno=int(sys.argv[1])))
