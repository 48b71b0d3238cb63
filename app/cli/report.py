"""`antigrad report`: runs as one HTML file that opens from a disk, with no network."""

from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.http import REFUSED, AsJson, ask, exit_with, found, resolve_run, segment
from app.cli.output import say, say_json
from app.os_errors import reason_of

report_command = typer.Typer()
MOST = 20  # runs whose curves can still be told apart
POINTS = 4000  # of one series, of all runs together
Runs = Annotated[
    list[str],
    typer.Argument(metavar="RUN…", help="up to 20 ids of runs, or last for the newest run", callback=segment),
]


@report_command.command()
def report(
    runs: Runs,
    out: Annotated[Path, typer.Option(help="the file to write")] = Path("report.html"),
    as_json: AsJson = False,
) -> None:
    """Write curves, diagnosis, card and script of runs into one HTML file."""
    ids = list(dict.fromkeys(map(resolve_run, runs)))
    if len(ids) > MOST:
        exit_with(REFUSED, f"these are {len(ids)} runs, and a report has at most {MOST}; name fewer")
    from app.cli.report_page import page  # Jinja takes longer to load than most commands to run

    content = page([_told(id, POINTS // len(ids)) for id in ids]).encode()
    try:
        out.write_bytes(content)
    except OSError as error:
        exit_with(REFUSED, f"{out} cannot be written: {reason_of(error)}")
    say_json({"file": str(out), "bytes": len(content)}) if as_json else say(str(out))


def _told(id: str, points: int) -> dict[str, Any]:
    """Everything about a run that a report shows. A run without weights has no card, one with a mistake no script."""
    card, script = found(f"/runs/{id}/card.json"), found(f"/runs/{id}/script")
    return {
        "run": ask("GET", f"/runs/{id}"),
        "series": ask("GET", f"/runs/{id}/curve", params={"points": points})["series"],
        "findings": ask("GET", f"/runs/{id}/diagnosis"),
        "card": card.json() if card else None,
        "script": script.text if script else None,
    }
