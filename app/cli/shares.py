"""`antigrad share` and `shares`: links that show a run, a race or an experiment without a key."""

from typing import Annotated, Any
from urllib.parse import urljoin

import typer

from app.cli.address import address
from app.cli.http import AsJson, ask, resolve_run, segment, send
from app.cli.output import print_table, say, say_json

sharing = typer.Typer()
shares = typer.Typer(help="List links that show runs, or revoke one.")
RACE = "race_"


@sharing.command()
def share(
    shown: Annotated[
        str, typer.Argument(metavar="RUN", help="a run's or a race's id, or last for the newest run", callback=segment)
    ],
    experiment: Annotated[
        str | None,
        typer.Option(help="the name of the experiment, if the id is that of a started one", callback=segment),
    ] = None,
    days: Annotated[int, typer.Option(min=1, max=365, help="days after which the link shows nothing")] = 30,
    as_json: AsJson = False,
) -> None:
    """Make a link that shows a run to whoever has it, without a key."""
    if experiment is not None:
        path = f"/experiments/{experiment}/{shown}"
    elif shown.startswith(RACE):
        path = f"/optimizers/race/{shown}"
    else:
        path = f"/runs/{resolve_run(shown)}"
    answer = ask("POST", f"{path}/share", json={"days": days})
    say_json(answer) if as_json else say(_whole(answer))


def _whole(share: dict[str, Any]) -> str:
    """The link with the address of the service: to a page, if there is one."""
    return urljoin(address().url, str(share["page"] or share["link"]))


@shares.callback(invoke_without_command=True)
def of_shares(context: typer.Context) -> None:
    if context.invoked_subcommand is None:
        list_shares(as_json=False)


@shares.command("list")
def list_shares(as_json: AsJson = False) -> None:
    """List the links that have not expired."""
    answer = ask("GET", "/shares")
    if as_json:
        say_json(answer)
        return
    rows = [(item["id"], item["path"], item["expires_at"], _whole(item)) for item in answer["items"]]
    print_table(("share", "shows", "until", "link"), rows)


@shares.command("delete")
def delete_shares(
    ids: Annotated[list[str], typer.Argument(metavar="SHARE...", help="ids of links", callback=segment)],
    as_json: AsJson = False,
) -> None:
    """Revoke links: from then on they show nothing."""
    for id in ids:
        send("DELETE", f"/shares/{id}")
        if not as_json:
            say(f"{id} deleted")
    if as_json:
        say_json({"deleted": ids})
