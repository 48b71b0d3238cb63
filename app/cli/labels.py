"""`antigrad rename` and `tag`: the names and tags of runs."""

from typing import Annotated

import typer

from app.cli.http import REFUSED, AsJson, ask, exit_with, resolve_run, segment
from app.cli.output import say, say_items, say_json
from app.cli.request import tagged
from app.cli.runs import AllOnDataset, AllTagged, AllWithStatus, InSweep, Name, Older, OwnedBy, RunId, Search, filtered

labels = typer.Typer()


@labels.command()
def rename(
    run: RunId,
    name: Annotated[str, typer.Argument(metavar="NAME", help="the new name; an empty one removes it")],
    as_json: AsJson = False,
) -> None:
    """Give a run another name."""
    answer = ask("PATCH", f"/runs/{resolve_run(run)}", json={"name": name or None})
    say_json(answer) if as_json else say(f"{answer['id']} {answer['name'] or 'has no name'}")


@labels.command("tag")
def tag_runs(
    words: Annotated[
        list[str] | None, typer.Argument(metavar="[RUN] [TAG]...", help="a run's id, or last; tags such as course:ml")
    ] = None,
    remove: Annotated[list[str] | None, typer.Option(help="the key of a tag to remove, such as course")] = None,
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
    """Set tags of a run, or of all runs that match, and remove others."""
    query = filtered(
        status=status, dataset=dataset, tag=tag, name=name, older=older, q=search, owner=owner, sweep=sweep
    )
    runs, tags = [word for word in words or () if ":" not in word], [word for word in words or () if ":" in word]
    if len(runs) != (0 if query else 1):
        exit_with(REFUSED, "name one run, or give a filter such as --status failed; a tag is written course:ml")
    changes = {"tags": dict.fromkeys(remove or ()) | (tagged(tags) or {})}
    if query:
        answer = ask("PATCH", "/runs", params=query, json=changes)
        say_json(answer) if as_json else say(f"{answer['tagged']} runs tagged")
        return
    segment(runs)
    answer = ask("PATCH", f"/runs/{resolve_run(runs[0])}", json=changes)
    if as_json:
        say_json(answer)
        return
    say_items([f"{key}:{value}" for key, value in answer["request"]["tags"].items()] or ["no tags"])
