"""`antigrad promote`, `rollback` and `models`: names for trained runs."""

from typing import Annotated, Any

import typer

from app.cli.http import REFUSED, AsJson, ask, exit_with, resolve_run, segment, send
from app.cli.output import print_table, say, say_json
from app.cli.runs import RunId

naming = typer.Typer()
models = typer.Typer(help="List the names of trained runs, see where they pointed, or delete one.")
Owner = Annotated[str | None, typer.Option(help="for admins: the owner of the name")]
ModelName = Annotated[str, typer.Argument(metavar="NAME", help="a model's name", callback=segment)]


@naming.command()
def promote(
    run: RunId,
    name: Annotated[
        str,
        typer.Argument(
            metavar="NAME", help="a model's name; default is what predicts if nothing is named", callback=segment
        ),
    ],
    split: Annotated[
        list[str] | None,
        typer.Option(help="another run and its share of the requests, such as RUN=0.1; the first run gets the rest"),
    ] = None,
    shadow: Annotated[
        str | None, typer.Option(help="a run that predicts for comparison only, with its share if not all: RUN=0.2")
    ] = None,
    log: Annotated[float | None, typer.Option(help="share of the requests whose predictions are logged")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="also if the run diverged, or has other classes or inputs")
    ] = False,
    owner: Owner = None,
    as_json: AsJson = False,
) -> None:
    """Point a model's name at a run, or at several; antigrad predict NAME uses it from then on."""
    body: dict[str, Any] = _divided(resolve_run(run), split or [])
    if shadow is not None:
        id, share = _shared("--shadow", shadow, otherwise=1.0)
        body["shadow"] = {"run": id, "share": share}
    body |= {} if log is None else {"log": log}
    body |= {"force": True} if force else {}
    _say_model(ask("PUT", f"/models/{name}", params=of_owner(owner), json=body), as_json)


def _divided(run: str, split: list[str]) -> dict[str, Any]:
    """The fields of a request that divide requests among the run and others."""
    others = dict(_shared("--split", text) for text in split)
    if not others:
        return {"run": run}
    if run in others or len(others) < len(split):
        exit_with(REFUSED, "a run is named twice; give each run one share")
    if (given := sum(others.values())) >= 1:
        exit_with(REFUSED, f"--split gives {given:g} of the requests away; leave a share for the first run")
    return {"runs": {run: round(1 - given, 9), **others}}


def _shared(option: str, text: str, otherwise: float | None = None) -> tuple[str, float]:
    """A run and its share, from RUN=0.1. Ends the command for something else."""
    run, equals, share = text.partition("=")
    if not equals and otherwise is not None:
        return resolve_run(run), otherwise
    try:
        return resolve_run(run), float(share)
    except ValueError:
        exit_with(REFUSED, f"{text!r} is no run with a share; write for example {option} RUN=0.1")


def of_owner(owner: str | None) -> dict[str, str]:
    """The query that names an owner."""
    return {} if owner is None else {"owner": owner}


def _say_model(model: dict[str, Any], as_json: bool) -> None:
    say_json(model) if as_json else say(f"{model['name']} version {model['history'][0]['version']}: {_runs(model)}")


def _runs(model: dict[str, Any]) -> str:
    """The run, or several with the share of each, one in their shadow, and the share that is logged."""
    shares = model["runs"].items()
    runs = ", ".join(run if share == 1 else f"{share:.4g} {run}" for run, share in shares)
    shadow = model.get("shadow")
    log = f", log {model['log']:.4g}" if model.get("log") else ""
    return (f"{runs}, shadow {shadow['share']:.4g} {shadow['run']}" if shadow else runs) + log


@models.callback(invoke_without_command=True)
def of_models(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_models(owner=None, as_json=False)


@models.command("list")
def list_models(
    owner: Annotated[str | None, typer.Option(help="for admins: only names of this owner")] = None,
    as_json: AsJson = False,
) -> None:
    """List the names with their runs."""
    answer = ask("GET", "/models", params=of_owner(owner))
    if as_json:
        say_json(answer)
        return
    print_table(("model", "version", "run"), [_row(item) for item in answer["items"]])


def _row(model: dict[str, Any]) -> tuple[str, str, str]:
    return model["name"], str(model["version"]), _runs(model)


@models.command("show")
def show_model(name: ModelName, owner: Owner = None, as_json: AsJson = False) -> None:
    """Show the runs that a name points at."""
    _say_model(ask("GET", f"/models/{name}", params=of_owner(owner)), as_json)


@models.command("history")
def show_history(name: ModelName, owner: Owner = None, as_json: AsJson = False) -> None:
    """Show the runs that a name has pointed at, newest first."""
    model = ask("GET", f"/models/{name}", params=of_owner(owner))
    if as_json:
        say_json(model["history"])
        return
    rows = [(str(item["version"]), _runs(item), item["created_at"]) for item in model["history"]]
    print_table(("version", "run", "since"), rows)


@naming.command("rollback")
@models.command("rollback")
def roll_back_model(
    name: ModelName,
    version: Annotated[
        int | None, typer.Option(help="a version of the history; by default the one before the newest", min=1)
    ] = None,
    owner: Owner = None,
    as_json: AsJson = False,
) -> None:
    """Point a name at the runs of an earlier version again."""
    query: dict[str, Any] = of_owner(owner) | ({} if version is None else {"version": version})
    _say_model(ask("POST", f"/models/{name}/rollback", params=query), as_json)


@models.command("delete")
def delete_model(name: ModelName, owner: Owner = None, as_json: AsJson = False) -> None:
    """Delete a name; its runs stay."""
    send("DELETE", f"/models/{name}", params=of_owner(owner))
    say_json({"deleted": [name]}) if as_json else say(f"{name} deleted")
