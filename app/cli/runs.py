"""The user's commands, over HTTP: `antigrad train`, `watch`, `script`, `predict`, `runs`, `cancel`, `again`.

The exit status says how a command ended (`STATUSES`). With --json, standard output holds JSON and nothing else.
"""

import json
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table
from typer.core import TyperCommand

from app.cli.http import REFUSED, answered, ask, found, leave, not_ours
from app.cli.progress import ENDS, follow, shown, warn
from app.constants import RUN_PREFIX

commands = typer.Typer()
Set = Annotated[list[str] | None, typer.Option("--set", help="any field, such as --set optimizer.lr=0.01")]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON, for scripts")]
RunId = Annotated[str, typer.Argument(metavar="RUN", help="a run's id, or last for the newest that is no experiment's")]


class ManyLayers(TyperCommand):
    """`--layers 256 relu`: takes all words up to the next option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if "--layers" in args:
            first = args.index("--layers") + 1
            behind = next((i for i in range(first, len(args)) if args[i].startswith("-")), len(args))
            if behind > first:
                args = [*args[:first], " ".join(args[first:behind]), *args[behind:]]
        return super().parse_args(ctx, args)


def layer(word: str) -> dict[str, Any]:
    """`256` is a linear layer of so many units, a word is a layer's type."""
    return {"type": "linear", "units": int(word)} if word.isdecimal() else {"type": word}


@commands.command(cls=ManyLayers)
def train(
    dataset: Annotated[str, typer.Argument(help="such as notmnist")],
    layers: Annotated[str | None, typer.Option(help="such as: --layers 256 relu 64 tanh")] = None,
    preset: Annotated[str | None, typer.Option(help="a network by name, such as vgg_small, with its recipe")] = None,
    optimizer: Annotated[str | None, typer.Option(help="such as adam, momentum or sgd")] = None,
    lr: Annotated[float | None, typer.Option(help="learning rate")] = None,
    epochs: Annotated[int | None, typer.Option()] = None,
    batch_size: Annotated[str | None, typer.Option(help="a number, or full")] = None,
    seed: Annotated[int | None, typer.Option()] = None,
    name: Annotated[str | None, typer.Option()] = None,
    change: Set = None,
    wait: Annotated[bool, typer.Option(help="show the run until it has ended")] = True,
    as_json: AsJson = False,
) -> None:
    """Train a network and watch it learn."""
    request: dict[str, Any] = {"dataset": dataset}
    if layers is not None:
        request["model"] = {"layers": [layer(word) for word in layers.split()]}
    if preset is not None:
        request["model"] = request.get("model", {}) | {"preset": preset}
    if optimizer is not None or lr is not None:
        named = {"name": optimizer or "adam"} if optimizer or not preset else {}  # a preset has its own
        request["optimizer"] = named | ({} if lr is None else {"lr": lr})
    if epochs is not None:
        request["stop"] = {"max_epochs": epochs}
    if batch_size is not None:
        request["batch_size"] = int(batch_size) if batch_size.isdecimal() else batch_size
    request |= {key: value for key, value in (("seed", seed), ("name", name)) if value is not None}
    put(request, change)
    _queued(ask("POST", "/runs", json=request), wait, as_json)


@commands.command()
def again(
    run: RunId,
    change: Set = None,
    wait: Annotated[bool, typer.Option(help="show the run until it has ended")] = True,
    as_json: AsJson = False,
) -> None:
    """Train a run's network anew, with changes."""
    changes: dict[str, Any] = {}
    put(changes, change)
    _queued(ask("POST", f"/runs/{found(run)}/again", json=changes), wait, as_json)


def put(request: dict[str, Any], changes: list[str] | None) -> None:
    """Each `optimizer.lr=0.01` into the request; a value is JSON, or else text."""
    for item in changes or []:
        path, equals, value = item.partition("=")
        if not equals:
            leave(REFUSED, f"{item!r} is no change; write --set optimizer.lr=0.01")
        *above, field = path.split(".")
        inside = request
        for part in above:
            inside = inside.setdefault(part, {})
            if not isinstance(inside, dict):
                leave(REFUSED, f"{item!r}: {part} is a value already, in which nothing can be set")
        try:
            inside[field] = json.loads(value)
        except ValueError:
            inside[field] = value


def _queued(run: dict[str, Any], wait: bool, as_json: bool) -> None:
    if not as_json:
        warn(run)
    if wait:
        follow(run["id"], as_json)
    typer.echo(json.dumps(run) if as_json else run["id"])


@commands.command()
def watch(run: RunId, as_json: AsJson = False) -> None:
    """Show a run until it has ended."""
    follow(found(run), as_json)


@commands.command()
def script(run: RunId) -> None:
    """Print a run as one plain PyTorch script, such as: antigrad script last > train.py"""
    answer = answered("GET", f"/runs/{found(run)}/script")
    if not answer.headers.get("Content-Type", "").startswith("text/x-python"):
        not_ours(answer, "Python")
    typer.echo(answer.text, nl=False)


@commands.command()
def predict(
    run: Annotated[str, typer.Argument(metavar="RUN", help="a run's id, last for the newest, or a model's name")],
    pictures: Annotated[list[Path], typer.Argument(exists=True, dir_okay=False)],
    fit: Annotated[bool, typer.Option(help="convert pictures of another size")] = False,
    invert: Annotated[
        bool, typer.Option(help="swap black and white where the border says so, as for ink on white paper")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Classify pictures."""
    asked = {"run": found(run)} if run == "last" or run.startswith(RUN_PREFIX) else {"model": run}
    query = asked | {"fit": fit, "invert": "auto" if invert else "false"}
    files = [("image", (picture.name, picture.read_bytes())) for picture in pictures]
    named = {f"/image/{place}": str(picture) for place, picture in enumerate(pictures)}
    answer = ask("POST", "/predict", named, params=query, files=files)
    if as_json:
        typer.echo(json.dumps(answer))
        return
    if run != answer["run"]:
        typer.echo(answer["run"], err=True)
    for picture, prediction in zip(pictures, answer["predictions"], strict=True):
        best = ", ".join(f"{item['label']} {item['probability']:.3f}" for item in prediction["top"])
        typer.echo(f"{picture}: {best}")


@commands.command()
def runs(
    status: Annotated[str | None, typer.Option()] = None,
    dataset: Annotated[str | None, typer.Option()] = None,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 20,
    as_json: AsJson = False,
) -> None:
    """List runs, newest first."""
    wanted = {"status": status, "dataset": dataset, "limit": limit}
    answer = ask("GET", "/runs", params={key: value for key, value in wanted.items() if value is not None})
    if as_json:
        typer.echo(json.dumps(answer))
        return
    table = Table("run", "status", "step", "test", "dataset", "name", box=None, pad_edge=False)
    for run in answer["items"]:
        test = run["metrics"]["test"] or {}
        best = next((f"{name} {shown(test[name])}" for name in ("accuracy", "r2") if name in test), "")
        step = str(run["progress"].get("step", ""))
        dataset = run["environment"].get("dataset_name", run["request"]["dataset"])
        table.add_row(run["id"], run["status"], step, best, dataset, run["name"])
    # Wider than any terminal: an id that is cut off is of no use.
    Console(width=10_000, markup=False, emoji=False, highlight=False).print(table)


@commands.command()
def cancel(run: RunId, as_json: AsJson = False) -> None:
    """Cancel a run, and wait until it has stopped."""
    id = found(run)
    answer = ask("POST", f"/runs/{id}/cancel")
    while answer["status"] not in ENDS:
        answer = ask("GET", f"/runs/{id}", params={"wait": 10})
    typer.echo(json.dumps(answer) if as_json else f"{id} {answer['status']}")
