"""The command line: `antigrad serve` starts the API and its workers."""

import subprocess
import sys
from typing import Annotated

import typer
import uvicorn

from app.main import create_app
from app.settings import Settings
from app.storage import migrate as schema
from app.storage.database import Database

LOOPBACK = ("127.0.0.1", "localhost", "::1")
HELP = "Train a neural network over HTTP, watch it learn, and ask it for predictions."
main = typer.Typer(help=HELP, no_args_is_help=True)


@main.command()
def serve(
    host: Annotated[str, typer.Option(help="the address to listen on")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65535)] = 8000,
    workers: Annotated[int, typer.Option(min=0, max=64, help="worker processes beside the API")] = 1,
    no_auth: Annotated[bool, typer.Option(help="listen beyond this machine without an API key, on purpose")] = False,
) -> None:
    """Start the API, and workers beside it."""
    settings = Settings()
    if host not in LOOPBACK and settings.api_key is None and not no_auth:
        typer.echo(f"{host} can be reached from other machines: set ANTIGRAD_API_KEY, or say --no-auth", err=True)
        raise typer.Exit(2)
    app = create_app(settings)
    command = [sys.executable, "-m", "worker", "--until-stdin-closes"]
    beside = [subprocess.Popen(command, stdin=subprocess.PIPE) for _ in range(workers)]
    try:
        uvicorn.run(app, host=host, port=port, log_level="warning", timeout_graceful_shutdown=3)
    finally:
        for process in beside:
            if process.stdin is not None:
                process.stdin.close()  # the worker hands its runs back and ends
        for process in beside:
            process.wait()


@main.command()
def worker(concurrency: Annotated[int, typer.Option(min=1, max=64, help="runs at once")] = 1) -> None:
    """Start a worker alone."""
    raise typer.Exit(subprocess.call([sys.executable, "-m", "worker", "--concurrency", str(concurrency)]))


@main.command()
def migrate() -> None:
    """Bring the database's schema to the newest revision."""
    settings = Settings()
    settings.home.mkdir(parents=True, exist_ok=True)
    schema.upgrade(Database(settings.database))
    typer.echo("the schema is at the newest revision")


if __name__ == "__main__":
    main()
