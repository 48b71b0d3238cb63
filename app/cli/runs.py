"""`antigrad train`, `again`, `watch`, `script`, `runs` and `cancel`, over HTTP.

`STATUSES` lists the exit statuses. With --json, standard output contains only JSON.
"""

import json
from typing import Annotated, Any

import typer
from typer.core import TyperCommand

from app.cli.http import REFUSED, AsJson, ask, exit_not_antigrad, exit_with, resolve_run, send
from app.cli.output import print_table, say
from app.cli.progress import EXIT_STATUSES, follow, print_warnings, shown

runs = typer.Typer()
Set = Annotated[
    list[str] | None, typer.Option("--set", help="set any field of the request, such as --set optimizer.lr=0.01")
]
Wait = Annotated[bool, typer.Option(help="show the run until it ends")]
RunId = Annotated[
    str, typer.Argument(metavar="RUN", help="a run's id, or last for the newest run (without experiments)")
]


class ManyLayers(TyperCommand):
    """A command whose option `--layers` takes all words up to the next option."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if "--layers" in args:
            first = args.index("--layers") + 1
            end = next((i for i in range(first, len(args)) if args[i].startswith("-")), len(args))
            if end > first:
                args = [*args[:first], " ".join(args[first:end]), *args[end:]]
        return super().parse_args(ctx, args)


def layer(word: str) -> dict[str, Any]:
    """The layer for a word: a number means the units of a linear layer, other words a layer's type."""
    return {"type": "linear", "units": int(word)} if word.isdecimal() else {"type": word}


@runs.command(cls=ManyLayers)
def train(
    dataset: Annotated[str, typer.Argument(help="a dataset's name or id, such as notmnist")],
    layers: Annotated[str | None, typer.Option(help="the hidden layers, such as: --layers 256 relu 64 tanh")] = None,
    preset: Annotated[str | None, typer.Option(help="a ready-made network with its recipe, such as vgg_small")] = None,
    optimizer: Annotated[str | None, typer.Option(help="such as adam, momentum or sgd")] = None,
    lr: Annotated[float | None, typer.Option(help="learning rate")] = None,
    epochs: Annotated[int | None, typer.Option(help="passes over the training data")] = None,
    batch_size: Annotated[str | None, typer.Option(help="examples per batch, or full for all of them")] = None,
    seed: Annotated[int | None, typer.Option(help="seed of all random numbers")] = None,
    name: Annotated[str | None, typer.Option(help="a name for the run")] = None,
    change: Set = None,
    wait: Wait = True,
    as_json: AsJson = False,
) -> None:
    """Train a network and watch it learn."""
    request: dict[str, Any] = {"dataset": dataset}
    if layers is not None:
        request["model"] = {"layers": [layer(word) for word in layers.split()]}
    if preset is not None:
        request["model"] = request.get("model", {}) | {"preset": preset}
    if optimizer is not None or lr is not None:
        named = {"name": optimizer or "adam"} if optimizer or not preset else {}  # a preset has its own optimizer
        request["optimizer"] = named | ({} if lr is None else {"lr": lr})
    if epochs is not None:
        request["stop"] = {"max_epochs": epochs}
    if batch_size is not None:
        request["batch_size"] = int(batch_size) if batch_size.isdecimal() else batch_size
    request |= {key: value for key, value in (("seed", seed), ("name", name)) if value is not None}
    apply_changes(request, change)
    _follow_or_print(ask("POST", "/runs", json=request), wait, as_json)


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
    _follow_or_print(ask("POST", f"/runs/{resolve_run(run)}/again", json=changes), wait, as_json)


def apply_changes(request: dict[str, Any], changes: list[str] | None) -> None:
    """Apply changes such as `optimizer.lr=0.01` to the request. A value that is not JSON counts as text."""
    for item in changes or []:
        path, equals, value = item.partition("=")
        if not equals:
            exit_with(REFUSED, f"{item!r} has no value; write for example --set optimizer.lr=0.01")
        *outer, field = path.split(".")
        node = request
        for part in outer:
            node = node.setdefault(part, {})
            if not isinstance(node, dict):
                exit_with(REFUSED, f"{item!r}: {part} has been set to a value, so no field of it can be set")
        try:
            node[field] = json.loads(value)
        except ValueError:
            node[field] = value


def _follow_or_print(run: dict[str, Any], wait: bool, as_json: bool) -> None:
    """Show the queued run until it ends, or print its id."""
    if not as_json:
        print_warnings(run)
    if wait:
        follow(run["id"], as_json)
    say(json.dumps(run) if as_json else run["id"])


@runs.command()
def watch(run: RunId, as_json: AsJson = False) -> None:
    """Show a run until it ends."""
    follow(resolve_run(run), as_json)


@runs.command()
def script(run: RunId) -> None:
    """Print a run as one plain PyTorch script, such as: antigrad script last > train.py"""
    answer = send("GET", f"/runs/{resolve_run(run)}/script")
    if not answer.headers.get("Content-Type", "").startswith("text/x-python"):
        exit_not_antigrad(answer, "Python")
    typer.echo(answer.text, nl=False)


@runs.command("runs")
def list_runs(
    status: Annotated[str | None, typer.Option(help="only runs with this status, such as running")] = None,
    dataset: Annotated[str | None, typer.Option(help="only runs on this dataset, by name or id")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="maximum number of runs")] = 20,
    as_json: AsJson = False,
) -> None:
    """List runs, newest first."""
    query = {"status": status, "dataset": dataset, "limit": limit}
    answer = ask("GET", "/runs", params={key: value for key, value in query.items() if value is not None})
    if as_json:
        say(json.dumps(answer))
        return
    rows = []
    for run in answer["items"]:
        test = run["metrics"]["test"] or {}
        best = next((f"{name} {shown(test[name])}" for name in ("accuracy", "r2") if name in test), "")
        step = str(run["progress"].get("step", ""))
        dataset = run["environment"].get("dataset_name", run["request"]["dataset"])
        rows.append((run["id"], run["status"], step, best, dataset, run["name"]))
    print_table(("run", "status", "step", "test", "dataset", "name"), rows)


@runs.command()
def cancel(run: RunId, as_json: AsJson = False) -> None:
    """Cancel a run and wait until it has stopped."""
    id = resolve_run(run)
    answer = ask("POST", f"/runs/{id}/cancel")
    while answer["status"] not in EXIT_STATUSES:
        answer = ask("GET", f"/runs/{id}", params={"wait": 10})
    say(json.dumps(answer) if as_json else f"{id} {answer['status']}")
