"""`antigrad compare`, `groups`, `race` and `experiments`: several runs side by side."""

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn

from app.cli.http import FAILED, INTERRUPTED, REFUSED, AsJson, ask, download, exit_with, resolve_run, segment
from app.cli.output import print_table, say, say_items, say_json
from app.cli.progress import EXIT_STATUSES, NOBODY_WORKS, nobody_works, print_warnings, shown, to_people
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
from app.cli.runs import Axis, InSweep, Name, Older, OnDataset, OwnedBy, Search, Series, Tagged, WithStatus, filtered

comparisons = typer.Typer()
experiments = typer.Typer(help="List the lecture's claims, and test one by its experiment.")
BAR = BarColumn(bar_width=10), TextColumn("{task.completed}/{task.total} runs")
PICTURES = {".png": "image/png", ".svg": "image/svg+xml"}
Entry = Annotated[
    str, typer.Argument(metavar="NAME", help="an experiment's name; antigrad experiments lists them", callback=segment)
]


@comparisons.command()
def compare(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="up to 20 runs, by id or last")],
    baseline: Annotated[str | None, typer.Option(help="the run to compare with; by default the first")] = None,
    as_json: AsJson = False,
) -> None:
    """Show what differs between runs, and how their metrics compare."""
    query = {"runs": ",".join(map(resolve_run, runs))}
    if baseline is not None:
        query["baseline"] = resolve_run(baseline)
    answer = ask("GET", "/runs/comparison", params=query)
    if as_json:
        say_json(answer)
        return
    metrics = list(answer["items"][0]["metrics"])
    rows = [
        [item["run"], item["name"], *(_text(item["fields"][name]) for name in answer["fields"]),
         *(_compared(item["metrics"][name]) for name in metrics)]
        for item in answer["items"]
    ]  # fmt: skip
    print_table(("run", "name", *answer["fields"], *metrics), rows)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _compared(metric: dict[str, Any]) -> str:
    delta = "" if metric["delta"] is None else f" ({metric['delta']:+.2g})"
    return f"{shown(metric['value'])}{delta}"


@comparisons.command()
def groups(
    by: Annotated[str, typer.Argument(help="dataset, optimizer, lr, batch_size, seed, name, owner or tag:KEY")],
    status: WithStatus = None,
    dataset: OnDataset = None,
    tag: Tagged = None,
    name: Name = None,
    older: Older = None,
    search: Search = None,
    owner: OwnedBy = None,
    sweep: InSweep = None,
    as_json: AsJson = False,
) -> None:
    """Group the newest runs by what they have in common, with the mean and spread of their best results."""
    query = filtered(
        status=status, dataset=dataset, tag=tag, name=name, older=older, q=search, owner=owner, sweep=sweep
    )
    answer = ask("GET", "/runs/groups", params=query | {"by": by})
    if as_json:
        say_json(answer)
        return
    columns = ("mean", "spread", "best")
    rows = [
        (_text(group["value"]), str(len(group["runs"])), *(shown(group[column]) for column in columns))
        for group in answer["items"]
    ]
    print_table((by, "runs", *columns), rows)


@comparisons.command(cls=ManyLayers)
def race(
    dataset: DatasetName,
    optimizers: Annotated[list[str], typer.Argument(help="two or more, with a learning rate if wanted: sgd:0.1 adam")],
    layers: Layers = None,
    preset: Preset = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    seed: Seed = None,
    tag: Tags = None,
    change: Set = None,
    out: Annotated[Path | None, typer.Option(help="write the curves to this .png or .svg")] = None,
    series: Series = "train.loss",
    axis: Axis = "step",
    wait: Wait = True,
    as_json: AsJson = False,
) -> None:
    """Train the same network with several optimizers."""
    if out is not None and not (wait and out.suffix in PICTURES):
        exit_with(REFUSED, f"{out}: the race is drawn at its end, as .png or .svg; leave --no-wait out")
    stop = None if epochs is None else {"max_epochs": epochs}
    request = described(dataset, layers, preset, batch_size, stop=stop, seed=seed, tags=tagged(tag))
    apply_changes(request, change)
    lanes = [_optimizer(word) for word in optimizers]
    answer = ask("POST", "/optimizers/race", json={"run": request, "optimizers": lanes})
    here = f"/optimizers/race/{answer['id']}"
    if wait:
        answer = _at_end(here, answer, as_json)
    if out is not None:
        query = {"series": series, "axis": axis}
        download(f"{here}/curve{out.suffix}", out, PICTURES[out.suffix], params=query)
    if as_json:
        say_json(answer)
    else:
        print_warnings(answer["runs"][0])
        print_table(("optimizer", "lr", "status", "test", "run"), map(_lane, answer["runs"]))
        say(answer["id"])
    raise typer.Exit(max(EXIT_STATUSES[run["status"]] for run in answer["runs"]) if wait else 0)


def _optimizer(word: str) -> dict[str, Any]:
    """The optimizer of a word such as `sgd` or `sgd:0.1`. Ends the command for something else."""
    name, colon, lr = word.partition(":")
    try:
        return {"name": name, "lr": float(lr)} if colon else {"name": name}
    except ValueError:
        exit_with(REFUSED, f"{word!r}: {lr!r} is no learning rate; write for example sgd:0.1")


def _lane(run: dict[str, Any]) -> tuple[str, str, str, str, str]:
    optimizer, test = run["request"]["optimizer"], run["metrics"]["test"] or {}
    best = next((f"{name} {shown(test[name])}" for name in ("accuracy", "r2") if name in test), "")
    return optimizer["name"], shown(optimizer["lr"]), run["status"], best, run["id"]


def _at_end(path: str, answer: dict[str, Any], quiet: bool) -> dict[str, Any]:
    """The answer at `path` once all of its runs have ended. Ctrl-C leaves them running."""
    try:
        with Progress(*BAR, console=to_people, disable=quiet) as progress:
            bar = progress.add_task("", total=len(answer["runs"]))
            if nobody_works():
                progress.console.print(NOBODY_WORKS, soft_wrap=True)
            while (ended := sum(run["status"] in EXIT_STATUSES for run in answer["runs"])) < len(answer["runs"]):
                progress.update(bar, completed=ended)
                time.sleep(0.5)
                answer = ask("GET", path)
    except KeyboardInterrupt:
        exit_with(INTERRUPTED, f"the runs of {answer['id']} continue; antigrad runs lists them")
    return answer


@experiments.callback(invoke_without_command=True)
def of_experiments(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_experiments(as_json=False)


@experiments.command("list")
def list_experiments(as_json: AsJson = False) -> None:
    """List the experiments with their titles."""
    answer = ask("GET", "/experiments")
    if as_json:
        say_json(answer)
        return
    rows = [(item["name"], str(len(item["trials"])), item["title"]) for item in answer["items"]]
    print_table(("experiment", "trials", "title"), rows)


@experiments.command("show")
def show_experiment(name: Entry, as_json: AsJson = False) -> None:
    """Show an experiment: the claim, what is right, its trials."""
    answer = ask("GET", f"/experiments/{name}")
    if as_json:
        say_json(answer)
        return
    say(f"{answer['title']}\n\nThe claim: {answer['claim']}\nWhat is right: {answer['right']}\n")
    for trial in answer["trials"]:
        say(f"  {trial['name']}" + (f" (on purpose: {trial['mistake']})" if trial["mistake"] else ""))


@experiments.command("run")
def run_experiment(
    name: Entry,
    seed: Annotated[list[int] | None, typer.Option(help="may be given several times; 0, 1 and 2 by default")] = None,
    wait: Wait = True,
    as_json: AsJson = False,
) -> None:
    """Train all trials of an experiment, and say what was seen."""
    answer = ask("POST", f"/experiments/{name}", json={"seeds": seed} if seed else {})
    if wait and answer["id"] is not None:
        answer = _at_end(f"/experiments/{name}/{answer['id']}", answer, as_json)
    if as_json:
        say_json(answer)
    elif answer["observed"] is None:
        say(answer["id"])
    else:
        say(f"The claim: {answer['claim']}\nWhat is right: {answer['right']}")
        say(f"What was seen: {answer['observed']['sentence']}")
        say_items([f"{name} {shown(spread['mean'])}" for name, spread in answer["observed"]["numbers"].items()])
        say(answer["verdict"])
    raise typer.Exit(FAILED if wait and answer["status"] == "incomplete" else 0)
