"""`antigrad audit`: who changed what."""

from typing import Annotated

import typer

from app.cli.http import AsJson, Cursor, ask_page, say_next
from app.cli.output import print_table, say_json

audit = typer.Typer()


@audit.command("audit")
def list_changes(
    owner: Annotated[str | None, typer.Option(help="only changes with this owner's keys")] = None,
    limit: Annotated[int, typer.Option(min=1, max=200, help="how many changes, the newest first")] = 50,
    cursor: Cursor = None,
    as_json: AsJson = False,
) -> None:
    """List who changed what, newest first; needs an admin's key if the service requires keys."""
    answer = ask_page("/audit", limit, cursor, owner=owner)
    if as_json:
        say_json(answer)
        return
    rows = [(item["at"], item["owner"], item["action"], item["target"], item["key"]) for item in answer["items"]]
    print_table(("at", "owner", "action", "target", "key"), rows)
    say_next(answer)
