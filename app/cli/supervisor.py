"""The workers that `antigrad serve` keeps beside the API: a dead one is started again."""

import logging
import os
import subprocess
import sys
import threading
import time

log = logging.getLogger("antigrad.serve")

LONGEST_PAUSE = 30.0  # seconds before a worker that dies again and again is started once more
HEALTHY_SECONDS = 60.0  # one that lived so long begins again with the shortest pause


class WorkerSupervisor:
    """`count` worker processes; they end when their stdin closes, and so with this process too."""

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
            # In a session of its own: a Ctrl-C is for the service, which ends it when all has been answered.
            process = subprocess.Popen(command, stdin=subprocess.PIPE, env=self.environment, start_new_session=True)
            while process.poll() is None and not self.stopping.wait(0.2):
                pass
            assert process.stdin is not None
            process.stdin.close()  # the worker hands its runs back and ends
            code = process.wait()
            if self.stopping.is_set():
                return
            pause = 0.5 if time.monotonic() - began > HEALTHY_SECONDS else min(2 * pause, LONGEST_PAUSE)
            log.warning("a worker ended with %d; another one starts in %.0f s", code, pause)
            self.stopping.wait(pause)

    def stop(self) -> None:
        """Let them hand their runs back, and wait for that."""
        self.stopping.set()
        for thread in self.threads:
            thread.join()
