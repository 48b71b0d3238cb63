"""`antigrad sweep` and `sweeps`: many configurations as one job, ranked."""

import json
import time
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, Progress, TextColumn

from app.cli.http import (
    CANCELLED,
    FAILED,
    INTERRUPTED,
    REFUSED,
    AsJson,
    Cursor,
    ask,
    ask_page,
    exit_with,
    say_next,
    segment,
    send,
    sentence,
)
from app.cli.output import print_table, say, say_items, say_json
from app.cli.progress import NOBODY_WORKS, nobody_works, shown, to_people
from app.cli.request import BatchSize, Epochs, Layers, ManyLayers, Preset, Set, Tags, apply_changes, described, tagged
from app.os_errors import reason_of

sweeping = typer.Typer()
sweeps = typer.Typer(help="List sweeps, see a ranking, extend, cancel or delete one, or promote its best run.")
BAR = BarColumn(bar_width=10), TextColumn("{task.completed}/{task.total} trials{task.fields[best]}")
LOGARITHMIC = ":log"  # at the end of a range
STATUSES = {"succeeded": 0, "failed": FAILED, "cancelled": CANCELLED}

SweepId = Annotated[str, typer.Argument(metavar="SWEEP", help="a sweep's id, or last for the newest", callback=segment)]
VALUES = "such as optimizer.lr=0.1,0.01; may be given several times"
RANGES = "such as optimizer.lr=0.0001..0.1:log, batch_size=16,64 or model.layers.0.units=16..256"
Grid = Annotated[list[str] | None, typer.Option(help=f"try all combinations: a field and its values, {VALUES}")]
Random = Annotated[list[str] | None, typer.Option(help=f"draw at random: a field and its values or range, {RANGES}")]
Tpe = Annotated[list[str] | None, typer.Option(help="as --random, but draw near the best results so far")]
Trials = Annotated[int | None, typer.Option(help="number of configurations; a grid has all by default")]
Parallel = Annotated[int | None, typer.Option(help="trials at once")]
Deadline = Annotated[str | None, typer.Option(help="end at this time, such as 2030-01-31T18:00:00Z")]
Wait = Annotated[bool, typer.Option(help="show the sweep until it ends")]


@sweeping.command(cls=ManyLayers)
def sweep(
    source: Annotated[
        str, typer.Argument(metavar="DATASET", help="a dataset's name or id; or a .json file with the whole request")
    ],
    grid: Grid = None,
    random: Random = None,
    tpe: Tpe = None,
    seed: Annotated[list[int] | None, typer.Option(help="train with this seed; may be given several times")] = None,
    metric: Annotated[str | None, typer.Option(help="what is best, such as validation.loss")] = None,
    trials: Trials = None,
    parallel: Parallel = None,
    deadline: Deadline = None,
    halving: Annotated[bool, typer.Option("--halving", help="stop bad trials early; needs --epochs")] = False,
    known: Annotated[str | None, typer.Option(help="begin tpe with the results of runs with this tag")] = None,
    name: Annotated[str | None, typer.Option(help="a name for people")] = None,
    layers: Layers = None,
    preset: Preset = None,
    epochs: Epochs = None,
    batch_size: BatchSize = None,
    tag: Tags = None,
    change: Set = None,
    wait: Wait = True,
    as_json: AsJson = False,
) -> None:
    """Train many configurations, and rank them."""
    if source.endswith(".json"):
        request = _read(Path(source))
    else:
        stop = None if epochs is None else {"max_epochs": epochs}
        base = described(source, layers, preset, batch_size, stop=stop, tags=tagged(tag))
        apply_changes(base, change)
        request = {"base": base}
    given: dict[str, Any] = {"seeds": seed, "metric": metric, "name": name, "halving": {} if halving else None}
    given |= _search(grid, random, tpe) | {"trials": trials, "parallel": parallel, "deadline": deadline}
    given["known"] = None if known is None else {"tag": known}
    request |= {field: value for field, value in given.items() if value is not None}
    answer = ask("POST", "/sweeps", json=request)
    if wait:
        answer = _at_end(answer, as_json)
    _say_sweep(answer, as_json)
    raise typer.Exit(STATUSES[answer["status"]] if wait else 0)


def _read(path: Path) -> dict[str, Any]:
    """The request in a file. Ends the command if there is none."""
    try:
        request = json.loads(path.read_text())
    except (OSError, UnicodeDecodeError) as error:
        exit_with(REFUSED, f"{path} cannot be read: {reason_of(error) if isinstance(error, OSError) else error}")
    except ValueError as error:
        exit_with(REFUSED, f"{path} is not JSON: {error}")
    if not isinstance(request, dict):
        exit_with(REFUSED, f"{path} holds no JSON object")
    return request


def _search(grid: list[str] | None, random: list[str] | None, tpe: list[str] | None) -> dict[str, Any]:
    """The spaces of these options, by sampler."""
    given = {"grid": grid, "random": random, "tpe": tpe}
    return {sampler: dict(map(_parameter, words)) for sampler, words in given.items() if words}


def _parameter(word: str) -> tuple[str, Any]:
    """The parameter of a word such as `optimizer.lr=0.1,0.01` or `optimizer.lr=0.001..0.1:log`."""
    path, equals, values = word.partition("=")
    if not equals or not values:
        exit_with(REFUSED, f"{word!r} has no values; write for example optimizer.lr=0.1,0.01")
    low, dots, rest = values.partition("..")
    if not dots:
        return path, [_value(value) for value in values.split(",")]
    high = rest.removesuffix(LOGARITHMIC)
    try:
        ends = {"low": float(low), "high": float(high)}
    except ValueError:
        exit_with(REFUSED, f"{values!r} is no range; write for example 16..256, 0.1..0.9 or 0.0001..0.1:log")
    integer = low.isdecimal() and high.isdecimal()
    return path, ends | {"log": high != rest, "integer": integer}


def _value(text: str) -> Any:
    """A value as JSON; what is not JSON counts as text."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _at_end(answer: dict[str, Any], quiet: bool) -> dict[str, Any]:
    """The sweep once it has ended. Ctrl-C leaves it running."""
    try:
        with Progress(*BAR, console=to_people, disable=quiet) as progress:
            bar = progress.add_task("", total=answer["progress"]["trials"], best="")
            if nobody_works():
                progress.console.print(NOBODY_WORKS, soft_wrap=True)
            while answer["status"] == "running":
                time.sleep(0.5)
                answer = ask("GET", f"/sweeps/{answer['id']}")
                first = answer["trials"][0] if answer["trials"] else None
                best = f", best {shown(first['mean'])}" if first and first["mean"] is not None else ""
                progress.update(
                    bar, completed=answer["progress"]["ended"], total=answer["progress"]["trials"], best=best
                )
    except KeyboardInterrupt:
        exit_with(INTERRUPTED, f"the sweep continues; antigrad sweeps show {answer['id']} shows it")
    return answer


def _say_sweep(answer: dict[str, Any], as_json: bool) -> None:
    if as_json:
        say_json(answer)
        return
    progress, error = answer["progress"], answer["error"]
    reason = f": {sentence(error, error['message'])}" if error else ""
    ended = f"{progress['ended']}/{progress['trials']} trials, {progress['steps']:,} steps"
    say(f"{answer['id']} {answer['status']}, {ended}{reason}")
    if answer["trials"]:
        print_table(
            ("rank", answer["request"]["metric"], "top", "trial", "status", "values"), map(_row, answer["trials"])
        )
    if answer["best"]:
        test = answer["best"]["test"] or {}
        say(f"best {answer['best']['run']}" + "".join(f"  test {name} {shown(value)}" for name, value in test.items()))


def _row(trial: dict[str, Any]) -> tuple[str, ...]:
    spread = "" if trial["spread"] is None else f" ± {shown(trial['spread'])}"
    value = "" if trial["mean"] is None else f"{shown(trial['mean'])}{spread}"
    params = "  ".join(f"{name}={_param(value)}" for name, value in trial["params"].items())
    why = f"  ({sentence(trial['reason'], trial['reason']['message'])})" if trial["reason"] else ""
    rank = "" if trial["rank"] is None else str(trial["rank"])
    return rank, value, "*" if trial["in_top_group"] else "", str(trial["number"]), trial["status"], params + why


def _param(value: Any) -> str:
    return shown(value) if isinstance(value, float) else json.dumps(value)


def address_of(sweep: str) -> str:
    """The address of a sweep, given as an id or as `last`. Ends the command if there is none."""
    if sweep != "last":
        return f"/sweeps/{sweep}"
    newest = ask("GET", "/sweeps", params={"limit": 1})["items"]
    if not newest:
        exit_with(REFUSED, "there is no sweep yet; antigrad sweep starts one")
    return f"/sweeps/{newest[0]['id']}"


@sweeps.callback(invoke_without_command=True)
def of_sweeps(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_sweeps(limit=20, cursor=None, as_json=False)


@sweeps.command("list")
def list_sweeps(
    limit: Annotated[int, typer.Option(min=1, max=200, help="how many, the newest first")] = 20,
    cursor: Cursor = None,
    as_json: AsJson = False,
) -> None:
    """List the sweeps, newest first."""
    answer = ask_page("/sweeps", limit, cursor)
    if as_json:
        say_json(answer)
        return
    rows = [
        (item["id"], item["status"], str(item["request"]["trials"]), item["request"]["metric"], item["dataset"],
         item["name"])
        for item in answer["items"]
    ]  # fmt: skip
    print_table(("sweep", "status", "trials", "metric", "dataset", "name"), rows)
    say_next(answer)


@sweeps.command("show")
def show_sweep(sweep: SweepId, wait: Wait = False, as_json: AsJson = False) -> None:
    """Show the ranking of a sweep; a star marks what cannot be told apart from the best."""
    answer = ask("GET", address_of(sweep))
    _say_sweep(_at_end(answer, as_json) if wait else answer, as_json)


@sweeps.command("extend")
def extend_sweep(
    sweep: SweepId,
    trials: Trials = None,
    grid: Grid = None,
    random: Random = None,
    tpe: Tpe = None,
    parallel: Parallel = None,
    deadline: Deadline = None,
    as_json: AsJson = False,
) -> None:
    """Ask for more trials, another space or another deadline; a sweep that has ended goes on."""
    given: dict[str, Any] = {"trials": trials, "parallel": parallel, "deadline": deadline}
    changes = {field: value for field, value in given.items() if value is not None} | _search(grid, random, tpe)
    if not changes:
        exit_with(REFUSED, "say what to change, such as --trials 60")
    _say_sweep(ask("PATCH", address_of(sweep), json=changes), as_json)


@sweeps.command("cancel")
def cancel_sweep(sweep: SweepId, as_json: AsJson = False) -> None:
    """Cancel a sweep with its runs."""
    _say_sweep(ask("POST", f"{address_of(sweep)}/cancel"), as_json)


@sweeps.command("importance")
def show_importance(sweep: SweepId, as_json: AsJson = False) -> None:
    """Show how much each parameter matters, with an interval."""
    answer = ask("GET", f"{address_of(sweep)}/importance")
    if as_json:
        say_json(answer)
        return
    say(answer["sentence"])
    rows = [
        (one["name"], f"{one['share']:.0%}", f"{one['low']:.0%} to {one['high']:.0%}") for one in answer["parameters"]
    ]
    print_table(("parameter", "share", "interval"), rows)
    if answer["left_out"]:
        say_items(["not in all trials:", *answer["left_out"]])


@sweeps.command("promote")
def promote_best(
    sweep: SweepId,
    model: Annotated[str, typer.Argument(metavar="NAME", help="a model's name", callback=segment)],
    as_json: AsJson = False,
) -> None:
    """Point a model at the best run of a sweep."""
    answer = ask("POST", f"{address_of(sweep)}/promote", json={"model": model})
    say_json(answer) if as_json else say(f"{answer['name']} is {answer['run']}, version {answer['version']}")


@sweeps.command("delete")
def delete_sweeps(
    ids: Annotated[list[str], typer.Argument(metavar="SWEEP...", help="ids of sweeps", callback=segment)],
    as_json: AsJson = False,
) -> None:
    """Delete sweeps; their runs stay. antigrad delete --sweep SWEEP deletes these."""
    for id in ids:
        send("DELETE", f"/sweeps/{id}")
        if not as_json:
            say(f"{id} deleted")
    if as_json:
        say_json({"deleted": ids})
