"""Command line of a worker: `python -m worker`."""

import argparse
import os
import signal
import sys

from app import logs
from app.ops.startup import starting
from app.settings import SettingsRefused, load
from worker.loop import Worker

NICENESS = 10  # trainings leave the processor to predictions, and get what these leave


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m worker")
    parser.add_argument("--concurrency", type=int, default=1, help="maximum number of runs to train at once")
    parser.add_argument(
        "--until-stdin-closes",
        action="store_true",
        help="stop when standard input closes, as when the parent process ends",
    )
    arguments = parser.parse_args()
    try:
        settings = load()
    except SettingsRefused as error:
        sys.exit(str(error))
    logs.configure(settings.log_format)
    os.nice(NICENESS)
    with starting(settings):
        worker = Worker(settings, arguments.concurrency)
    signal.signal(signal.SIGTERM, worker.stop)
    signal.signal(signal.SIGINT, worker.stop)
    try:
        worker.serve(until_closed=0 if arguments.until_stdin_closes else None)
    finally:
        worker.close()
