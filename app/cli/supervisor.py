"""Process supervisor of `antigrad serve`: restarts workers that die."""

import logging
import os
import subprocess
import sys
import threading
import time

log = logging.getLogger("antigrad.serve")

LONGEST_PAUSE = 30.0  # maximum seconds before a dying worker is restarted
HEALTHY_SECONDS = 60.0  # a worker that lived this long is restarted after the shortest pause


class WorkerSupervisor:
    """`count` worker processes. They end when their stdin closes, so they end with this process too."""

    def __init__(self, count: int) -> None:
        self.stopping = threading.Event()
        cores = max(1, (os.cpu_count() or 1) // max(1, count))
        self.environment = {"ANTIGRAD_THREADS": str(cores)} | os.environ
        self.threads = [threading.Thread(target=self._keep_one, name=f"worker {index}") for index in range(count)]
        for thread in self.threads:
            thread.start()

    def _keep_one(self) -> None:
        pause = 0.5
        while not self.stopping.is_set():
            began = time.monotonic()
            command = [sys.executable, "-m", "worker", "--until-stdin-closes"]
            # In its own session: a Ctrl-C reaches the service, which ends the worker after the last answer.
            process = subprocess.Popen(command, stdin=subprocess.PIPE, env=self.environment, start_new_session=True)
            while process.poll() is None and not self.stopping.wait(0.2):
                pass
            assert process.stdin is not None
            process.stdin.close()  # the worker releases its runs and ends
            code = process.wait()
            if self.stopping.is_set():
                return
            pause = 0.5 if time.monotonic() - began > HEALTHY_SECONDS else min(2 * pause, LONGEST_PAUSE)
            log.warning("a worker ended with status %d; the next one starts in %.0f s", code, pause)
            self.stopping.wait(pause)

    def stop(self) -> None:
        """Wait until the workers have released their runs and ended."""
        self.stopping.set()
        for thread in self.threads:
            thread.join()
