"""The command line `antigrad`, assembled from its commands."""

from typing import Annotated

import typer

from app.cli.admin import admin
from app.cli.datasets import datasets
from app.cli.http import STATUSES
from app.cli.predict import predict
from app.cli.runs import runs
from app.cli.serve import serving

main = typer.Typer(no_args_is_help=True)
for commands in (runs, predict, serving, admin):
    main.add_typer(commands)
main.add_typer(datasets, name="datasets")


def _print_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"antigrad {version('antigrad')}")
        raise typer.Exit


@main.callback(epilog=STATUSES)
def antigrad(
    print_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Train a neural network over HTTP, watch it learn, and ask it for predictions."""


if __name__ == "__main__":
    main()
