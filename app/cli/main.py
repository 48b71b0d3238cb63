"""The command line: the service's commands stand here, its users' in `app.cli.runs`."""

import json
import os
import signal
import socket
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.datasets import datasets
from app.cli.http import INTERRUPTED, STATUSES, leave
from app.cli.runs import AsJson, commands
from app.cli.supervisor import WorkerSupervisor

if TYPE_CHECKING:  # a command of the service's users starts without what only the service needs
    from app.settings import Settings

LOOPBACK = ("127.0.0.1", "localhost", "::1")
main = typer.Typer(no_args_is_help=True)
main.add_typer(commands)
main.add_typer(datasets, name="datasets")


def _say_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"antigrad {version('antigrad')}")
        raise typer.Exit


@main.callback(epilog=STATUSES)
def antigrad(
    say_version: Annotated[
        bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """Train a neural network over HTTP, watch it learn, and ask it for predictions."""


@main.command()
def serve(
    host: Annotated[str, typer.Option(help="the address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(min=0, max=64, help="worker processes beside the API")] = 1,
    no_auth: Annotated[bool, typer.Option(help="listen beyond this machine without an API key, on purpose")] = False,
) -> None:
    """Start the API, and workers beside it."""
    # Libraries that are being loaded make tracebacks of a Ctrl-C. The workers notice the end of this process.
    signal.signal(signal.SIGINT, lambda *_: os._exit(INTERRUPTED))
    settings = _settings()
    if host not in LOOPBACK and settings.api_key is None and not no_auth:
        leave(2, f"{host} can be reached from other machines: set ANTIGRAD_API_KEY, or say --no-auth")
    _require_free(host, port)
    _upgrade(settings)
    supervisor = WorkerSupervisor(workers)  # once the database is known to work; they load torch while this process does
    try:
        from app.cli.server import listen
        from app.main import create_app
        from app.ops.startup import starting

        with starting(settings):
            app = create_app(settings)
        # uvicorn raises the signal that ended it once more, after its shutdown: the workers have to end first.
        signal.signal(signal.SIGTERM, lambda *_: None)
        signal.signal(signal.SIGINT, signal.default_int_handler)
        listen(app, host, port)
    finally:
        supervisor.stop()


def _settings() -> "Settings":
    """The settings, refused before anything has started where they cannot work."""
    from app.settings import SettingsRefused, load
    from app.storage.files import FilesRefused, open_files

    try:
        settings = load()
        open_files(settings.files_url, settings.home)
    except (SettingsRefused, FilesRefused) as error:
        leave(2, str(error))
    return settings


def _upgrade(settings: "Settings") -> None:
    """Create the home and the schema, or bring the schema to the newest revision."""
    from app.ops.startup import starting
    from app.storage import migrate as schema
    from app.storage.database import Database

    with starting(settings):
        settings.home.mkdir(parents=True, exist_ok=True)
        database = Database(settings.database)
        schema.upgrade(database)
        database.close()


def _require_free(host: str, port: int) -> None:
    """Say at once, before anything has started, that the port is taken."""
    with socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            leave(1, f"cannot listen on {host}:{port}: {error.strerror}; choose another --port")


@main.command()
def worker(concurrency: Annotated[int, typer.Option(min=1, max=64, help="runs at once")] = 1) -> None:
    """Start a worker alone."""
    _settings()
    # In this process: whoever stops it stops the worker, which hands its runs back.
    os.execv(sys.executable, [sys.executable, "-m", "worker", "--concurrency", str(concurrency)])


@main.command()
def migrate() -> None:
    """Bring the database's schema to the newest revision."""
    _upgrade(_settings())
    typer.echo("the schema is at the newest revision")


@main.command()
def doctor(
    fix: Annotated[bool, typer.Option("--fix", help="delete files that belong to no run and no dataset")] = False,
    as_json: AsJson = False,
) -> None:
    """Check this machine and this service's settings; exit status 1 when something has to be mended."""
    from app.ops.doctor import examine

    findings = list(examine(fix))
    if as_json:
        typer.echo(json.dumps([asdict(finding) for finding in findings]))
    else:
        for finding in findings:
            typer.echo(f"{finding.status:<5} {finding.check:<11} {finding.detail}")
            if finding.advice:
                typer.echo(f"{'':<17} {finding.advice}")
    raise typer.Exit(any(finding.status == "fail" for finding in findings))


@main.command()
def backup(file: Annotated[Path, typer.Argument(help="where to write it, such as antigrad.tar")]) -> None:
    """Copy the service (SQLite and files) into one file, while it runs; exit status 1 when something is missing."""
    from app.ops.backup import BackupFailed, backup

    try:
        missing = backup(_settings(), file)
    except BackupFailed as error:
        leave(2, str(error))
    typer.echo(f"{file}: {file.stat().st_size / 1e6:.1f} MB; antigrad restore brings it back")
    for name in missing:
        typer.echo(f"missing: the database names {name}, which does not exist", err=True)
    raise typer.Exit(bool(missing))


@main.command()
def restore(file: Annotated[Path, typer.Argument(help="a file that antigrad backup wrote")]) -> None:
    """Fill an empty ANTIGRAD_HOME from a backup."""
    from app.ops.backup import BackupFailed, restore

    settings = _settings()
    try:
        restore(settings, file)
    except BackupFailed as error:
        leave(2, str(error))
    typer.echo(f"restored to {settings.home}; antigrad serve starts it")


if __name__ == "__main__":
    main()
