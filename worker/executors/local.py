"""Training on this machine: one worker, with a child process for each run."""

import os

from app.ops.startup import starting
from app.settings import Settings
from worker.loop import Worker
from worker.signals import stop_at_signals

NICENESS = 10  # trainings leave the processor to predictions, and get what these leave


def serve(settings: Settings, concurrency: int, until_closed: int | None) -> None:
    """Work until a signal, or until the file descriptor `until_closed` reaches end-of-file."""
    os.nice(NICENESS)
    with starting(settings):
        worker = Worker(settings, concurrency)
    stop_at_signals(worker.stop)
    try:
        worker.serve(until_closed)
    finally:
        worker.close()
