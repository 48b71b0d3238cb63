"""The command line `antigrad`, assembled from its commands."""

import shutil
from typing import Annotated

import typer

from app.cli.admin import admin
from app.cli.audit import audit
from app.cli.batches import batches
from app.cli.comparisons import comparisons, experiments
from app.cli.control import control
from app.cli.dataset_views import views
from app.cli.datasets import datasets
from app.cli.exports import exports
from app.cli.http import STATUSES
from app.cli.keys import keys
from app.cli.labels import labels
from app.cli.model_quality import labelling, quality
from app.cli.models import models, naming
from app.cli.predict import predict
from app.cli.queue import waiting
from app.cli.report import report_command
from app.cli.results import results
from app.cli.runs import runs
from app.cli.serve import serving
from app.cli.service import service_views
from app.cli.shares import shares, sharing
from app.cli.sweeps import sweeping, sweeps
from app.cli.trace import trace

MOST_COLUMNS = 100  # of help texts: longer lines are hard to read
COLUMNS = min(MOST_COLUMNS, shutil.get_terminal_size().columns)
# Without Rich, whose panels cut words off where columns are few.
main = typer.Typer(no_args_is_help=True, rich_markup_mode=None, context_settings={"terminal_width": COLUMNS})
SINGLE = (
    runs,
    control,
    labels,
    waiting,
    results,
    exports,
    report_command,
    predict,
    naming,
    labelling,
    comparisons,
    sweeping,
    trace,
    sharing,
    serving,
    admin,
)
GROUPS = {
    "datasets": datasets,
    "models": models,
    "batches": batches,
    "experiments": experiments,
    "sweeps": sweeps,
    "shares": shares,
    "keys": keys,
}
for commands in (*SINGLE, service_views, audit):
    main.add_typer(commands)
datasets.add_typer(views)
models.add_typer(quality)
for name, group in GROUPS.items():
    main.add_typer(group, name=name)


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
