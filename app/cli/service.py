"""`antigrad workers` and `me`: the service's workers, and the key that is sent."""

import typer

from app.cli.http import AsJson, ask
from app.cli.output import print_table, say, say_items, say_json

service_views = typer.Typer()


@service_views.command()
def workers(as_json: AsJson = False) -> None:
    """List the workers that are alive, and what they train."""
    answer = ask("GET", "/workers")
    if as_json:
        say_json(answer)
        return
    rows = [
        (
            item["id"],
            f"{len(item['runs'])}/{item['concurrency']}",
            item["device"],
            item["started_at"],
            " ".join(item["runs"]),
        )
        for item in answer["items"]
    ]
    print_table(("worker", "busy", "device", "since", "runs"), rows)
    if not rows:
        say("no worker is alive; start one with antigrad serve or antigrad worker")


@service_views.command()
def me(as_json: AsJson = False) -> None:
    """Show whose key is sent, what it permits, and its limits."""
    answer = ask("GET", "/me")
    if as_json:
        say_json(answer)
        return
    say(f"owner {answer['owner'] or 'nobody: what is made is common'}")
    say(f"key {answer['key'] or 'none'}, {'until ' + answer['expires_at'] if answer['expires_at'] else 'no end'}")
    say_items(["may", *answer["scopes"]])
    limits = [f"{name} {limit:,}" for name, limit in answer["limits"].items() if limit is not None]
    say_items(["limits", *(limits or ["none"])])
