"""Command line of a worker: `python -m worker`."""

import argparse
import sys

from app import logs
from app.settings import SettingsRefused, load


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m worker")
    parser.add_argument("--concurrency", type=int, default=1, help="maximum number of runs to train at once")
    parser.add_argument(
        "--until-stdin-closes",
        action="store_true",
        help="stop when standard input closes, as when the parent process ends",
    )
    parser.add_argument("--executor", choices=("local", "ray"), default="local", help="where the runs are trained")
    parser.add_argument("--ray-address", default="auto", help="address of the Ray cluster")
    parser.add_argument("--cpus", type=float, default=1, help="CPUs of each worker on the Ray cluster")
    parser.add_argument("--gpus", type=float, default=0, help="GPUs, or a part of one, of each worker on the cluster")
    arguments = parser.parse_args()
    try:
        settings = load()
    except SettingsRefused as error:
        sys.exit(str(error))
    logs.configure(settings.log_format)
    until_closed = 0 if arguments.until_stdin_closes else None
    if arguments.executor == "local":
        from worker.executors import local

        local.serve(settings, arguments.concurrency, until_closed)
    else:
        if not (settings.database_url.startswith("postgresql") and settings.files_url):
            sys.exit(
                "the nodes of a Ray cluster share Postgres and an object store: set ANTIGRAD_DATABASE_URL and "
                "ANTIGRAD_FILES_URL, here and on each node"
            )
        from worker.executors import ray  # imported late: an extra, and slow to load

        shape = ray.Shape(arguments.concurrency, arguments.cpus, arguments.gpus)
        ray.serve(settings, arguments.ray_address, shape, until_closed)
