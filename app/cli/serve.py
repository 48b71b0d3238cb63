"""`antigrad serve` and `antigrad worker`: start the service's processes."""

import os
import resource
import signal
import socket
import sys
import threading
from contextlib import suppress
from enum import StrEnum
from importlib.util import find_spec
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.address import LOOPBACK, say_address
from app.cli.http import INTERRUPTED, REFUSED, exit_with
from app.cli.supervisor import ApiProcesses, supervise_workers
from app.os_errors import reason_of

if TYPE_CHECKING:
    from app.settings import Settings

serving = typer.Typer()


def checked_settings() -> "Settings":
    """Load the settings. Ends the command if they are invalid, before anything has started."""
    from app.settings import SettingsRefused, load  # imported late: Pydantic and SQLAlchemy are slow to load
    from app.storage.files import FilesRefused, open_files

    try:
        settings = load()
        open_files(settings.files_url, settings.home)
    except (SettingsRefused, FilesRefused) as error:
        exit_with(REFUSED, str(error))
    return settings


@serving.command()
def serve(
    host: Annotated[str, typer.Option(help="the address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535, help="the port to listen on")] = 8000,
    workers: Annotated[int, typer.Option(min=0, max=64, help="worker processes to start with the API")] = 1,
    processes: Annotated[int, typer.Option(min=1, max=64, help="API processes that share the port")] = 1,
    no_auth: Annotated[bool, typer.Option(help="allow access from other machines without an API key")] = False,
) -> None:
    """Start the API and its workers."""
    # A Ctrl-C while libraries load would print a traceback. The workers end when this process ends.
    signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    _raise_file_limit()
    settings = checked_settings()
    from app.ops.startup import check_database, requires_key, starting

    is_open = host not in LOOPBACK and not requires_key(settings)
    if is_open and not no_auth:
        exit_with(
            REFUSED,
            f"other machines can reach {host}: make a key with antigrad keys create, set ANTIGRAD_API_KEY, or add "
            "--no-auth",
        )
    if is_open and not settings.hosts:
        exit_with(
            REFUSED,
            "without a key the service answers only under names that it knows: set ANTIGRAD_HOSTS to those that others "
            "use for this machine, such as ANTIGRAD_HOSTS=lab.example,192.0.2.7 (* allows all)",
        )
    _require_free(host, port)
    check_database(settings)  # before the workers start, so that an error is reported once
    supervisor = supervise_workers(workers)
    try:
        if processes > 1:
            _serve_by_many(processes, host, port)
            return
        from app.cli.server import listen  # imported late: these load torch, and `antigrad runs` must answer at once
        from app.main import create_app

        with starting(settings):
            app = create_app(settings)
        # After its shutdown, uvicorn raises the signal again; the workers have to end before that.
        signal.signal(signal.SIGTERM, lambda *_: None)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        listen(app, settings, host, port)
    finally:
        supervisor.stop()


def _serve_by_many(processes: int, host: str, port: int) -> None:
    """Serve requests by several processes until a signal ends this one."""
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    apis = ApiProcesses(processes, host, port)

    def say_when_ready() -> None:
        apis.wait_until_ready()
        say_address(host, port)

    try:
        threading.Thread(target=say_when_ready, daemon=True).start()
        ended.wait()
    finally:
        apis.stop()


def _raise_file_limit() -> None:
    """Allow as many open files, and thus connections, as this process may have; shells often allow 1,024."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(ValueError, OSError):  # macOS refuses a limit above the kernel's
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _require_free(host: str, port: int) -> None:
    """End the command if the port is taken, before anything has started."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            exit_with(1, f"cannot listen on {host}:{port}: {reason_of(error)}; choose another --port")


class Executor(StrEnum):
    """Place where a worker trains its runs."""

    LOCAL = "local"
    RAY = "ray"


@serving.command()
def worker(
    concurrency: Annotated[int, typer.Option(min=1, max=1000, help="runs at the same time")] = 1,
    executor: Annotated[Executor, typer.Option(help="where: on this machine, or on a Ray cluster")] = Executor.LOCAL,
    ray_address: Annotated[str, typer.Option(help="the Ray cluster, such as 192.0.2.1:6379")] = "auto",
    cpus: Annotated[float, typer.Option(min=0, help="on a Ray cluster: CPUs for each run")] = 1,
    gpus: Annotated[float, typer.Option(min=0, help="on a Ray cluster: GPUs, or a part of one, for each run")] = 0,
) -> None:
    """Start a worker without the API."""
    checked_settings()
    options = ["--concurrency", str(concurrency)]
    if executor is Executor.RAY:
        if find_spec("ray") is None:
            exit_with(REFUSED, "Ray is not installed: pip install 'antigrad[ray]'")
        options += ["--executor", "ray", "--ray-address", ray_address, "--cpus", str(cpus), "--gpus", str(gpus)]
    # exec instead of a child process, so that signals reach the worker, which then releases its runs.
    os.execv(sys.executable, [sys.executable, "-m", "worker", *options])
