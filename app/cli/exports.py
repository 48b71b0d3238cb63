"""`antigrad export`: runs as files for other programs."""

from pathlib import Path
from typing import Annotated

import typer

from app.cli.http import REFUSED, AsJson, download, exit_with
from app.cli.output import say, say_json
from app.cli.runs import InSweep, Name, Older, OnDataset, OwnedBy, Search, Sort, Tagged, WithStatus, filtered

exports = typer.Typer()
FILE = "application/octet-stream"


@exports.command("export")
def export(
    out: Annotated[Path, typer.Option(help="the file to write: .parquet for a table, .zip for TensorBoard")],
    curves: Annotated[
        bool, typer.Option("--curves", help="of a .parquet: a row for each point, in place of one for each run")
    ] = False,
    status: WithStatus = None,
    dataset: OnDataset = None,
    tag: Tagged = None,
    name: Name = None,
    older: Older = None,
    search: Search = None,
    owner: OwnedBy = None,
    sweep: InSweep = None,
    sort: Sort = "-created_at",
    as_json: AsJson = False,
) -> None:
    """Save all matching runs with metrics and requests, or with every point of their curves."""
    query = filtered(
        status=status, dataset=dataset, tag=tag, name=name, older=older, q=search, owner=owner, sweep=sweep
    )
    match out.suffix.lower():
        case ".parquet":
            asked = {"sort": sort, "curves": curves}
            download("/export.parquet", out, FILE, params=query | asked)
        case ".zip":
            download("/export.tensorboard.zip", out, FILE, params=query | {"sort": sort})
        case _:
            exit_with(REFUSED, f"{out}: runs are exported as .parquet or .zip; choose one of these endings")
    say_json({"file": str(out)}) if as_json else say(str(out))
