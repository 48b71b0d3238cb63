"""`antigrad queue`: the runs that wait."""

from typing import Annotated

import typer

from app.cli.http import AsJson, Cursor, ask_page, say_next, sentence
from app.cli.output import print_table, say, say_json

waiting = typer.Typer()


@waiting.command()
def queue(
    limit: Annotated[int, typer.Option(min=1, max=200, help="maximum number of runs")] = 20,
    cursor: Cursor = None,
    as_json: AsJson = False,
) -> None:
    """List the runs that wait: why, and when each should start."""
    answer = ask_page("/queue", limit, cursor)
    if as_json:
        say_json(answer)
        return
    rows = []
    for entry in answer["items"]:
        start = (entry["estimated_start"] or "").partition(".")[0]
        rows.append((str(entry["position"]), entry["run"], entry["name"], start, sentence(entry, entry["reason"])))
    if rows:
        print_table(("position", "run", "name", "start", "reason"), rows)
    say_next(answer)
    say(f"waiting: {answer['waiting']:,}, places of the workers: {answer['places']}, free: {answer['free']}")
