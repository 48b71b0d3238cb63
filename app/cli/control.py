"""`antigrad cancel`, `pause`, `resume` and `delete`: what a run does next."""

import json
from typing import Annotated, Any

import typer

from app.cli.http import REFUSED, AsJson, ask, exit_with, resolve_run, segment, send
from app.cli.output import megabytes, say, say_json
from app.cli.progress import EXIT_STATUSES
from app.cli.request import Set, Wait, apply_changes
from app.cli.runs import (
    AllOnDataset,
    AllTagged,
    AllWithStatus,
    InSweep,
    Name,
    Older,
    OwnedBy,
    RunId,
    Search,
    filtered,
    follow_or_print,
)

control = typer.Typer()


@control.command()
def cancel(
    run: Annotated[
        str | None, typer.Argument(metavar="[RUN]", help="a run's id, or last for the newest", callback=segment)
    ] = None,
    tag: AllTagged = None,
    status: AllWithStatus = None,
    dataset: AllOnDataset = None,
    name: Name = None,
    older: Older = None,
    search: Search = None,
    owner: OwnedBy = None,
    sweep: InSweep = None,
    as_json: AsJson = False,
) -> None:
    """Cancel a run and wait until it has stopped, or cancel all runs that match."""
    query = filtered(
        status=status, dataset=dataset, tag=tag, name=name, older=older, q=search, owner=owner, sweep=sweep
    )
    if (run is None) == (not query):
        exit_with(REFUSED, "name a run, or give a filter such as --tag course:ml or --status queued")
    if run is not None:
        _until_stopped("cancel", run, (*EXIT_STATUSES,), as_json)
        return
    answer = ask("POST", "/runs/cancel", params=query)
    say_json(answer) if as_json else say(f"{answer['cancelled']} runs cancelled")


@control.command()
def pause(run: RunId, as_json: AsJson = False) -> None:
    """Pause a run and wait until it has stopped; antigrad resume continues exactly there."""
    _until_stopped("pause", run, (*EXIT_STATUSES, "paused"), as_json)


def _until_stopped(action: str, run: str, ends: tuple[str, ...], as_json: bool) -> None:
    """Ask for the action, and wait until the run has one of these statuses."""
    id = resolve_run(run)
    answer = ask("POST", f"/runs/{id}/{action}")
    while answer["status"] not in ends:
        answer = ask("GET", f"/runs/{id}", params={"wait": 10})
    say(json.dumps(answer) if as_json else f"{id} {answer['status']}")


@control.command()
def resume(run: RunId, change: Set = None, wait: Wait = True, as_json: AsJson = False) -> None:
    """Continue a paused run, or train an ended one further: antigrad resume last --set stop.max_epochs=30"""
    changes: dict[str, Any] = {}
    apply_changes(changes, change)
    follow_or_print(ask("POST", f"/runs/{resolve_run(run)}/resume", json=changes), wait, as_json)


@control.command()
def delete(
    runs: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN]...", help="ids of runs, or last", callback=segment)
    ] = None,
    tag: AllTagged = None,
    older: Older = None,
    status: AllWithStatus = None,
    dataset: AllOnDataset = None,
    name: Name = None,
    search: Search = None,
    owner: OwnedBy = None,
    sweep: InSweep = None,
    preview: Annotated[bool, typer.Option("--preview", help="say what would be deleted, and delete nothing")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete runs with their curves and files: the named ones, or all that match."""
    query = filtered(
        status=status, dataset=dataset, tag=tag, name=name, older=older, q=search, owner=owner, sweep=sweep
    )
    if bool(runs) == bool(query):
        exit_with(REFUSED, "name runs, or give a filter such as --older 30d or --tag course:ml")
    if query:
        _delete_matching(query, preview, as_json)
        return
    if preview:
        exit_with(REFUSED, "--preview needs a filter such as --older 30d or --tag course:ml")
    ids = [resolve_run(run) for run in runs or ()]
    for id in ids:
        send("DELETE", f"/runs/{id}")
        if not as_json:
            say(f"{id} deleted")
    if as_json:
        say_json({"deleted": ids})


def _delete_matching(query: dict[str, Any], preview: bool, as_json: bool) -> None:
    """Delete all runs that match, or say which ones would be deleted."""
    answer = ask("DELETE", "/runs", params=query | {"preview": preview})
    if as_json:
        say_json(answer)
        return
    if preview:
        for id in answer["runs"]:
            say(id)
    would = "would be deleted" if preview else "deleted"
    kept = f"; {answer['kept']} stay, since they train or a model has them" if answer["kept"] else ""
    say(f"{answer['deleted']} runs {would}, {megabytes(answer['bytes'])}{kept}")
