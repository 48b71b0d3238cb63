"""`antigrad train`, `again`, `fix`, `watch` and `runs`, over HTTP.

`STATUSES` lists the exit statuses. With --json, standard output contains only JSON.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.http import (
    REFUSED,
    AsJson,
    Cursor,
    ask,
    ask_page,
    download,
    exit_with,
    resolve_run,
    say_next,
    segment,
    sentence,
)
from app.cli.output import megabytes, print_table, say, say_json
from app.cli.progress import NOBODY_WORKS, follow, nobody_works, print_warnings, shown
from app.cli.request import (
    BatchSize,
    DatasetName,
    Epochs,
    Layers,
    ManyLayers,
    Preset,
    Seed,
    Set,
    Tags,
    Wait,
    apply_changes,
    described,
    tagged,
)
from app.cli.requirement import Requirement

runs = typer.Typer()
PICTURES = {".png": "image/png", ".svg": "image/svg+xml"}
WithStatus = Annotated[str | None, typer.Option("--status", help="only runs with this status, such as running")]
OnDataset = Annotated[str | None, typer.Option("--dataset", help="only runs on this dataset, by name or id")]
Tagged = Annotated[
    list[str] | None,
    typer.Option("--tag", help="only runs with this tag, such as course:ml; several mean all of them"),
]
Name = Annotated[str | None, typer.Option(help="only runs whose name contains this text")]
Sort = Annotated[str, typer.Option(help="created_at, finished_at, name, bytes or a metric; a minus: the largest first")]
Series = Annotated[str, typer.Option(help="the series of a picture, such as validation.accuracy")]
Axis = Annotated[str, typer.Option(help="what a picture's curves run over: step, epoch or seconds")]
OwnedBy = Annotated[str | None, typer.Option("--owner", help="for admins: only runs of this owner")]
InSweep = Annotated[str | None, typer.Option("--sweep", help="only runs of this sweep")]
Search = Annotated[
    str | None,
    typer.Option(help="only runs that match these terms, such as --search 'status:failed lr>0.01 /wide|deep/'"),
]
AllTagged = Annotated[list[str] | None, typer.Option("--tag", help="all runs with this tag, such as course:ml")]
AllWithStatus = Annotated[str | None, typer.Option("--status", help="all runs with this status, such as failed")]
AllOnDataset = Annotated[str | None, typer.Option("--dataset", help="all runs on this dataset, by name or id")]
Older = Annotated[str | None, typer.Option(help="only runs that ended longer ago than this, such as 30d or 12h")]
RunId = Annotated[
    str,
    typer.Argument(
        metavar="RUN", help="a run's id, or last for the newest run (without experiments)", callback=segment
    ),
]


@runs.command(cls=ManyLayers)
def train(
    dataset: DatasetName,
    layers: Layers = None,
    preset: Preset = None,
    optimizer: Annotated[str | None, typer.Option(help="such as adam, momentum or sgd")] = None,
    lr: Annotated[float | None, typer.Option(help="learning rate")] = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    seed: Seed = None,
    name: Annotated[str | None, typer.Option(help="a name for the run")] = None,
    tag: Tags = None,
    change: Set = None,
    require: Annotated[
        list[str] | None,
        typer.Option(help="exit with status 6 unless the run ends so, such as --require 'test.accuracy>=0.9'"),
    ] = None,
    wait: Wait = True,
    as_json: AsJson = False,
) -> None:
    """Train a network and watch it learn."""
    requirements = [Requirement.of(text) for text in require or ()]
    if requirements and not wait:
        exit_with(REFUSED, "--require needs the run's end; leave --no-wait out")
    recipe = {"name": optimizer, "lr": lr}
    request = described(
        dataset,
        layers,
        preset,
        batch_size,
        optimizer={field: value for field, value in recipe.items() if value is not None} or None,
        stop=None if epochs is None else {"max_epochs": epochs},
        seed=seed,
        name=name,
        tags=tagged(tag),
    )
    apply_changes(request, change)
    follow_or_print(ask("POST", "/runs", json=request), wait, as_json, requirements)


@runs.command()
def again(
    run: RunId,
    change: Set = None,
    wait: Wait = True,
    as_json: AsJson = False,
) -> None:
    """Repeat a run, with changes."""
    changes: dict[str, Any] = {}
    apply_changes(changes, change)
    follow_or_print(ask("POST", f"/runs/{resolve_run(run)}/again", json=changes), wait, as_json)


@runs.command()
def fix(run: RunId, wait: Wait = True, as_json: AsJson = False) -> None:
    """Make the change that a run's diagnosis proposes: train again with it, or train on."""
    id = resolve_run(run)
    found = ask("GET", f"/runs/{id}/diagnosis")[:1]
    changed = ask("POST", f"/runs/{id}/again", params={"fix": True})
    if not as_json:
        for finding in found:
            say(f"{finding['finding']}; changed: {sentence(finding['advice'], finding['try'])}", err=True)
    follow_or_print(changed, wait, as_json)


def follow_or_print(run: dict[str, Any], wait: bool, as_json: bool, requirements: Sequence[Requirement] = ()) -> None:
    """Show the queued run until it ends, or print its id."""
    if not as_json:
        print_warnings(run)
    if wait:
        follow(run["id"], as_json, requirements)
    if nobody_works():
        say(NOBODY_WORKS, err=True)
    say(json.dumps(run) if as_json else run["id"])


@runs.command()
def watch(run: RunId, as_json: AsJson = False) -> None:
    """Show a run until it ends."""
    follow(resolve_run(run), as_json)


@runs.command("runs")
def list_runs(
    status: WithStatus = None,
    dataset: OnDataset = None,
    tag: Tagged = None,
    name: Name = None,
    older: Older = None,
    search: Search = None,
    owner: OwnedBy = None,
    sweep: InSweep = None,
    sort: Sort = "-created_at",
    limit: Annotated[int | None, typer.Option(min=1, max=200, help="maximum number of runs, 20 by default")] = None,
    cursor: Cursor = None,
    out: Annotated[
        Path | None, typer.Option(help="write a table of all these runs (.csv), or their curves (.png, .svg)")
    ] = None,
    series: Series = "train.loss",
    axis: Axis = "step",
    as_json: AsJson = False,
) -> None:
    """List runs, newest first."""
    query = filtered(
        status=status, dataset=dataset, tag=tag, name=name, older=older, q=search, owner=owner, sweep=sweep
    ) | {"sort": sort}
    if out is not None:
        _save(out, query, {"series": series, "axis": axis} | ({} if limit is None else {"limit": limit}))
        say_json({"file": str(out)}) if as_json else say(str(out))
        return
    answer = ask_page("/runs", limit or 20, cursor, **query)
    if as_json:
        say(json.dumps(answer))
        return
    rows = []
    for run in answer["items"]:
        test = run["metrics"]["test"] or {}
        best = next((f"{name} {shown(test[name])}" for name in ("accuracy", "r2") if name in test), "")
        step = str(run["progress"].get("step", ""))
        dataset = run["environment"].get("dataset_name", run["request"]["dataset"])
        rows.append((run["id"], run["status"], step, best, megabytes(run["bytes"]), dataset, run["name"]))
    print_table(("run", "status", "step", "test", "size", "dataset", "name"), rows)
    say_next(answer)


def filtered(tag: list[str] | None, **given: str | None) -> dict[str, Any]:
    """The query of these parameters; those that are None, and no tags, are left out."""
    query: dict[str, Any] = given | {"tag": tag or None}
    return {key: value for key, value in query.items() if value is not None}


def _save(out: Path, query: dict[str, Any], drawn: dict[str, Any]) -> None:
    """Write the table of these runs, or their picture as `drawn` says. Ends the command for another ending."""
    kind = out.suffix.lower()
    if kind == ".csv":
        download("/runs.csv", out, "text/csv", params=query)
    elif kind in PICTURES:
        download(f"/runs/curve{kind}", out, PICTURES[kind], params=query | drawn)
    else:
        exit_with(REFUSED, f"{out}: runs are written as .csv, .png or .svg; choose one of these endings")
