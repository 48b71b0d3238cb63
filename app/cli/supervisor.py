"""Process supervisor of `antigrad serve`: restarts workers and API processes that die."""

import logging
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from prometheus_client import multiprocess

from app.constants import METRICS_FOLDER

log = logging.getLogger("antigrad.serve")

LONGEST_PAUSE = 30.0  # maximum seconds before a dying process is restarted
HEALTHY_SECONDS = 60.0  # a process that lived this long is restarted after the shortest pause


class Supervisor:
    """`count` processes of one Python module. They end when their stdin closes, so they end with this process too.

    kind: "worker" or "API process", for the log. variables: of their environment. passed: a file descriptor that they
    inherit. ended: called with the id of each process that has ended.
    """

    def __init__(
        self,
        kind: str,
        arguments: Sequence[str],
        count: int,
        variables: Mapping[str, str],
        passed: Sequence[int] = (),
        ended: Callable[[int], None] = lambda _: None,
    ) -> None:
        self.kind, self.command, self.passed = kind, [sys.executable, "-m", *arguments], tuple(passed)
        self.ended = ended
        self.stopping = threading.Event()
        self.environment = os.environ | variables
        self.threads = [threading.Thread(target=self._keep_one, name=f"{kind} {index}") for index in range(count)]
        for thread in self.threads:
            thread.start()

    def _keep_one(self) -> None:
        pause = 0.5
        while not self.stopping.is_set():
            began = time.monotonic()
            # In its own session: a Ctrl-C reaches the service, which ends its processes in good order.
            process = subprocess.Popen(
                self.command,
                stdin=subprocess.PIPE,
                env=self.environment,
                start_new_session=True,
                pass_fds=self.passed,
            )
            while process.poll() is None and not self.stopping.wait(0.2):
                pass
            assert process.stdin is not None
            process.stdin.close()  # the process ends what it has begun, and then itself
            code = process.wait()
            self.ended(process.pid)
            if self.stopping.is_set():
                return
            pause = 0.5 if time.monotonic() - began > HEALTHY_SECONDS else min(2 * pause, LONGEST_PAUSE)
            log.warning("one %s ended with status %d; the next one starts in %.0f s", self.kind, code, pause)
            self.stopping.wait(pause)

    def stop(self) -> None:
        """Wait until the processes have ended in good order."""
        self.stopping.set()
        for thread in self.threads:
            thread.join()


def supervise_workers(count: int) -> Supervisor:
    """Workers, each with its share of the cores."""
    cores = max(1, (os.cpu_count() or 1) // max(1, count))
    threads = {"ANTIGRAD_THREADS": os.environ.get("ANTIGRAD_THREADS", str(cores))}
    return Supervisor("worker", ["worker", "--until-stdin-closes"], count, threads)


class ApiProcesses:
    """API processes that share a port: the kernel spreads connections over their sockets (SO_REUSEPORT)."""

    def __init__(self, count: int, host: str, port: int) -> None:
        self.count = count
        self.ready, written = os.pipe()
        os.set_blocking(written, False)  # a restarted process writes too, and must not wait for a reader
        self.metrics = tempfile.TemporaryDirectory(prefix="antigrad-metrics-")
        arguments = ["app.cli.api_process", host, str(port), str(written)]
        variables = {"ANTIGRAD_PROCESSES": str(count), METRICS_FOLDER: self.metrics.name}
        self.supervisor = Supervisor("API process", arguments, count, variables, [written], self._forget_gauges)

    def wait_until_ready(self) -> None:
        """Wait until as many processes as there are have begun to listen."""
        for _ in range(self.count):
            os.read(self.ready, 1)

    def _forget_gauges(self, process: int) -> None:
        """Remove the gauges of a process that has ended; what it counted stays in the sums."""
        multiprocess.mark_process_dead(process, self.metrics.name)  # type: ignore[no-untyped-call]

    def stop(self) -> None:
        self.supervisor.stop()
        self.metrics.cleanup()
