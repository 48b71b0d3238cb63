"""Processes forked from one that has already imported their libraries.

Each `python -m app.cli.main serve` imports torch three times: for the API, its worker and the worker's own fork server.
That takes seconds of both cores; a fork takes milliseconds. What is forked here runs the same module, with arguments,
environment, descriptors, signals and children of its own. The tests of `serve` on a terminal, of the demo and of the
commands in README start real processes, so that `python -m` itself is tested as well.
"""

import atexit
import contextlib
import fcntl
import gc
import importlib
import json
import os
import runpy
import select
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import IO, Any, NoReturn

from app.storage import migrate
from app.storage.database import Database

ROOT = Path(__file__).parent.parent.parent
STDIN, STDOUT, STDERR = 0, 1, 2
COMMAND_BYTES, DESCRIPTORS = 1 << 20, 16
FORKED = ("worker", "worker.prefork.server")  # the modules that forked processes start


@dataclass(frozen=True)
class Command:
    """`python -m module *arguments`. `descriptors` are the numbers that the sent ones get in the new process."""

    module: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    folder: str
    session: bool
    descriptors: Sequence[int]

    def send(self, to: socket.socket, descriptors: Sequence[int]) -> None:
        socket.send_fds(to, [json.dumps(asdict(self)).encode()], list(descriptors))

    @classmethod
    def receive(cls, source: socket.socket) -> tuple["Command", list[int]] | None:
        """Receive a command with its descriptors; None if the other side has closed the socket."""
        message, descriptors, _, _ = socket.recv_fds(source, COMMAND_BYTES, DESCRIPTORS)
        return (cls(**json.loads(message)), descriptors) if message else None

    def become(self, received: list[int]) -> None:
        """Set up this process to run the module."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if self.session:
            os.setsid()
        os.chdir(self.folder)
        os.environ.clear()
        os.environ.update(self.environment)
        above = [fcntl.fcntl(descriptor, fcntl.F_DUPFD_CLOEXEC, 256) for descriptor in received]
        for descriptor in received:
            os.close(descriptor)
        for descriptor, number in zip(above, self.descriptors, strict=True):
            os.dup2(descriptor, number)
            os.close(descriptor)

    def run(self) -> NoReturn:
        """Run the module like `python -m`, after `become`."""
        status = 0
        try:
            self._run_module()
        except SystemExit as leaving:
            status = leaving.code if isinstance(leaving.code, int) else leaving.code is not None
            if isinstance(leaving.code, str):
                sys.stderr.write(f"{leaving.code}\n")
        except BaseException:
            traceback.print_exc()
            status = 1
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)  # as in `multiprocessing`: unloading all modules would copy every page of the server's memory

    def _run_module(self) -> None:
        line = " ".join([self.module, *self.arguments])
        if " serve" in line and "--workers 0" not in line:
            _fork_children(2)  # a worker, and a replacement if it dies
        elif "worker" in line.split() and "--help" not in line:
            _fork_children(1)  # its fork server
        sys.argv = [self.module, *self.arguments]
        warnings.filterwarnings("ignore", ".* found in sys.modules after import of package", RuntimeWarning, "runpy")
        runpy.run_module(self.module, run_name="__main__", alter_sys=True)


class Process:
    """The interface of `subprocess.Popen` that the tests and the service use."""

    pid: int
    stdin: IO[Any] | None = None
    stdout: IO[str] | None = None
    stderr: IO[str] | None = None

    @property
    def returncode(self) -> int | None:
        return self.poll()

    def poll(self) -> int | None:
        """The exit status, or the signal that ended it as a negative number; None while it runs."""
        raise NotImplementedError

    def wait(self, timeout: float = 60) -> int:
        deadline = time.monotonic() + timeout
        while (status := self.poll()) is None:
            if time.monotonic() > deadline:
                raise TimeoutError(f"process {self.pid} runs after {timeout} s")
            time.sleep(0.01)
        return status

    def communicate(self, timeout: float = 60) -> tuple[str, str]:
        """The rest of its output until it ends; short enough for the buffer of a pipe."""
        printed = [pipe.read() if pipe is not None else "" for pipe in (self.stdout, self.stderr)]
        self.wait(timeout)
        self.close()
        return printed[0], printed[1]

    def close(self) -> None:
        for pipe in (self.stdin, self.stdout, self.stderr):
            if pipe is not None:
                pipe.close()

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Forked(Process):
    """A process that the fork server has forked.

    `descriptor` is its pidfd: signals sent to it reach no other process, even if the id is reused after the end
    (pidfd_open(2)).
    """

    def __init__(self, server: "ForkServer", pid: int, descriptor: int) -> None:
        self.server, self.pid, self.descriptor = server, pid, descriptor
        self.status: int | None = None

    def poll(self) -> int | None:
        self.server.hear()
        return self.status

    def end(self, status: int) -> None:
        self.status = status
        os.close(self.descriptor)

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            with contextlib.suppress(ProcessLookupError):  # it has just ended
                signal.pidfd_send_signal(self.descriptor, number)


class ForkServer:
    """The process from which others are forked."""

    def __init__(self) -> None:
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.running: dict[int, Forked] = {}  # by process id, which another process gets when one has ended
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.fork_server", str(theirs.fileno())],
            pass_fds=[theirs.fileno()],
            cwd=ROOT,
            env={"OMP_WAIT_POLICY": "PASSIVE", "ARROW_DEFAULT_MEMORY_POOL": "system"} | os.environ,  # as for a worker
        )
        theirs.close()

    def start(
        self,
        module: str,
        *arguments: str,
        folder: Path | None = None,
        session: bool = False,
        pipes: Sequence[str] = (),
        stdin: IO[Any] | None = None,
        output: IO[Any] | None = None,
        errors: IO[Any] | None = None,
        **variables: str,
    ) -> Forked:
        """Run a module with these variables over this process's own.

        `pipes` names those of stdin, stdout and stderr that become a pipe. `output` and `errors` are files to print to.
        """
        ends = {name: os.pipe2(os.O_CLOEXEC) for name in pipes}
        inner = {
            STDIN: ends["stdin"][0] if "stdin" in ends else stdin.fileno() if stdin else None,
            STDOUT: ends["stdout"][1] if "stdout" in ends else output.fileno() if output else None,
            STDERR: ends["stderr"][1] if "stderr" in ends else errors.fileno() if errors else None,
        }
        given = {number: descriptor for number, descriptor in inner.items() if descriptor is not None}
        command = Command(module, arguments, os.environ | variables, str(folder or Path.cwd()), session, list(given))
        self.hear()
        command.send(self.socket, list(given.values()))
        while "pid" not in (received := self._receive())[0]:
            self._end(received[0])
        news, (descriptor,) = received
        process = self.running[news["pid"]] = Forked(self, news["pid"], descriptor)
        for name, (read, write) in ends.items():
            own, other = (write, read) if name == "stdin" else (read, write)
            os.close(other)
            setattr(process, name, os.fdopen(own, "wb" if name == "stdin" else "r"))
        return process

    def hear(self) -> None:
        """Record the processes that have ended."""
        while select.select([self.socket], [], [], 0)[0]:
            self._end(self._receive()[0])

    def _receive(self) -> tuple[dict[str, int], list[int]]:
        message, descriptors, _, _ = socket.recv_fds(self.socket, 4096, 1, socket.MSG_CMSG_CLOEXEC)
        return json.loads(message), descriptors

    def _end(self, news: dict[str, int]) -> None:
        self.running.pop(news["ended"]).end(news["status"])

    def close(self) -> None:
        self.socket.close()
        self.process.wait(60)


@cache
def fork_server() -> ForkServer:
    """The fork server of this process."""
    return ForkServer()


def _serve(tests: socket.socket) -> Command | None:
    """Fork a process for each command, and report its end, until the socket is closed. Returns in those processes with
    their command."""
    from worker.prefork.server import ended_children

    _import_libraries()
    wake, wake_write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake_write)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    while True:
        watched: list[Any] = [tests, wake]
        ready, _, _ = select.select(watched, [], [])
        if wake in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(wake, 4096)
            for pid, status in ended_children():
                tests.send(json.dumps({"ended": pid, "status": status}).encode())
        if tests in ready:
            received = Command.receive(tests)
            if received is None:
                return None
            command, descriptors = received
            pid = os.fork()
            if pid == 0:
                for descriptor in (tests.detach(), wake, wake_write):
                    os.close(descriptor)
                command.become(descriptors)
                return command
            for descriptor in descriptors:
                os.close(descriptor)
            process = os.pidfd_open(pid)
            socket.send_fds(tests, [json.dumps({"pid": pid}).encode()], [process])
            os.close(process)


LIBRARIES = (
    "app.cli.main",
    "app.cli.server",
    "app.main",
    "app.ops.backup",
    "app.ops.doctor",
    "matplotlib.figure",
    "matplotlib.backends.backend_agg",
    "uvicorn.loops.auto",
    "uvicorn.lifespan.on",
    "worker.main",
)


def _import_libraries() -> None:
    """Import the libraries of the service, its worker and the command line, as far as this starts no thread."""
    from worker.prefork import server

    for name in LIBRARIES:
        importlib.import_module(name)
    server.warm_up({"files_url": ""})
    memory = Database("sqlite://")  # the first upgrade loads the migrations and much of alembic
    migrate.upgrade(memory)
    memory.close()
    gc.collect()
    gc.freeze()


class _Waiting(Process):
    """A child of a forked process, forked before that had threads or files. It waits for a command to become."""

    def __init__(self) -> None:
        self.socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.status: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            for other in _waiting:
                other.socket.close()
            _waiting.clear()
            self.socket.close()
            _await_command(theirs)
        theirs.close()

    def poll(self) -> int | None:
        if self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
        return self.status


_waiting: list[_Waiting] = []
_Popen = subprocess.Popen


def _await_command(parent: socket.socket) -> NoReturn:
    """Wait for a command and run it; end at once if the parent ends."""
    received = Command.receive(parent)
    if received is None:
        os._exit(0)
    command, descriptors = received
    parent.close()
    command.become(descriptors)
    command.run()


def _fork_children(count: int) -> None:
    """Fork this many children that wait for the commands that this process will start. Further ones are real
    processes."""
    for _ in range(count):
        _waiting.append(_Waiting())
    subprocess.Popen = _popen  # type: ignore[assignment,misc]
    os.execv = _execv  # type: ignore[assignment]
    atexit.register(_end_waiting)


def _end_waiting() -> None:
    for child in _waiting:
        child.socket.close()
        child.wait()


def _popen(args: Any, **options: Any) -> Any:
    """`subprocess.Popen`; for one of the FORKED modules it uses a waiting child."""
    python_module = isinstance(args, list) and args[:2] == [sys.executable, "-m"] and args[2] in FORKED
    if not python_module or not _waiting:
        return _Popen(args, **options)
    child = _waiting.pop(0)
    kept = {number: number for number in options.get("pass_fds", ())}
    write = None
    if options.get("stdin") == subprocess.PIPE:
        kept[STDIN], write = os.pipe2(os.O_CLOEXEC)
    elif options.get("stdin") == subprocess.DEVNULL:
        kept[STDIN] = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
    environment = dict(options.get("env") or os.environ)
    session = options.get("start_new_session", False)
    Command(args[2], args[3:], environment, str(Path.cwd()), session, list(kept)).send(
        child.socket, list(kept.values())
    )
    child.socket.close()
    if STDIN in kept:
        os.close(kept[STDIN])
    if write is not None:
        child.stdin = os.fdopen(write, "wb")
    return child


def _execv(_: str, argv: list[str]) -> None:
    """`os.execv` of `python -m module`, without importing everything again."""
    assert argv[:2] == [sys.executable, "-m"]
    sys.argv = argv[2:]
    runpy.run_module(argv[2], run_name="__main__", alter_sys=True)
    sys.exit()


if __name__ == "__main__":
    forked = _serve(socket.socket(fileno=int(sys.argv[1])))
    if forked is not None:
        forked.run()
