"""`antigrad keys`: create, list, limit and revoke API keys, in the database of the settings."""

import math
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.access import Scope
from app.cli.http import REFUSED, AsJson, exit_with
from app.cli.output import print_table, say, say_items, say_json
from app.cli.serve import checked_settings

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from app.storage.tables import ApiKey

keys = typer.Typer(help="Create, list, limit and revoke API keys, in the database of the settings.")
KeyId = Annotated[str, typer.Argument(metavar="KEY", help="a key's id; antigrad keys list shows it")]
LIMIT = "LIMIT"
LEAST = {"runs": 0, "steps": 1, "bytes": 0, "priority": -1000}  # of limits that are whole numbers
UNITS = {"m": 60, "h": 3600, "d": 86_400, "w": 604_800}
OWNER = re.compile(r"[A-Za-z0-9._-]{1,100}")


def _owner(name: str) -> str:
    if not OWNER.fullmatch(name):
        raise typer.BadParameter("give a name of letters, digits, '.', '_' and '-', such as s1")
    return name


def _scopes(names: str) -> list[Scope]:
    try:
        return [Scope(name.strip()) for name in names.split(",")]
    except ValueError as error:
        raise typer.BadParameter(f"{error}; the scopes are {', '.join(Scope)}") from None


def _seconds(duration: str) -> int:
    parts = re.fullmatch(r"([1-9][0-9]{0,4})([mhdw])", duration)
    if parts is None:
        raise typer.BadParameter(f"{duration!r} is no duration; write for example 90d, 12h, 30m or 4w")
    return int(parts[1]) * UNITS[parts[2]]


@keys.command("create")
def create_key(
    owner: Annotated[str, typer.Option(help="to whom everything belongs that is made with the key", parser=_owner)],
    scope: Annotated[
        Any, typer.Option(metavar="SCOPE,…", help=f"what the key is for: {', '.join(Scope)}", parser=_scopes)
    ],
    expires: Annotated[
        Any, typer.Option(metavar="DURATION", help="how long the key is valid, such as 90d or 12h", parser=_seconds)
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Create a key, and print it this once."""
    from app.storage import keys as stored

    with _database() as db:
        key, secret = stored.create(db, owner, scope, expires)
    if as_json:
        expires_at = _of_key(key)["expires_at"]
        say_json({"id": key.id, "key": secret, "owner": owner, "scopes": key.scopes, "expires_at": expires_at})
    else:
        say(secret)
        say(f"{key.id} of {owner}: {', '.join(key.scopes)}. The key is shown only now", err=True)


@keys.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """List all keys, the revoked and the expired ones too."""
    from app.storage import keys as stored

    with _database() as db:
        items = [_of_key(key) for key in stored.created(db)]
    if as_json:
        say_json({"items": items})
        return
    rows = [
        (item["id"], item["owner"], ",".join(item["scopes"]), item["expires_at"], item["revoked_at"]) for item in items
    ]
    print_table(("key", "owner", "scopes", "expires", "revoked"), rows)


@keys.command("limit")
def limit_key(
    id: KeyId,
    runs: Annotated[str | None, typer.Option(metavar=LIMIT, help="runs and batches that have not ended")] = None,
    seconds: Annotated[str | None, typer.Option(metavar=LIMIT, help="seconds that a run trains")] = None,
    steps: Annotated[str | None, typer.Option(metavar=LIMIT, help="steps of a run")] = None,
    bytes: Annotated[str | None, typer.Option(metavar=LIMIT, help="bytes of stored runs and datasets")] = None,
    predictions: Annotated[str | None, typer.Option(metavar=LIMIT, help="predictions in a second")] = None,
    priority: Annotated[str | None, typer.Option(metavar=LIMIT, help="highest priority of a run")] = None,
    as_json: AsJson = False,
) -> None:
    """Limit a key, and show its own limits. LIMIT is a number, none, or default for that of the settings."""
    from app.storage import keys as stored

    given = {"runs": runs, "seconds": seconds, "steps": steps, "bytes": bytes, "predictions": predictions,
             "priority": priority}  # fmt: skip
    defaults = [name for name, text in given.items() if text == "default"]
    changes = {name: _limit(name, text) for name, text in given.items() if text not in (None, "default")}
    with _changed_key() as db:
        answer = _of_key(stored.limit(db, id, changes, defaults))
    if as_json:
        say_json(answer)
        return
    own = [f"{name} {'none' if value is None else value}" for name, value in answer["limits"].items()]
    say_items(own or ["the limits of the settings"])


def _limit(name: str, text: str | None) -> float | None:
    """The limit that a text means; None for `none`. Ends the command for another text."""
    if text is None or text == "none":
        return None
    try:
        number = int(text) if name in LEAST else float(text)
    except ValueError:
        number = math.nan
    if not (number >= LEAST[name] if name in LEAST else 0 < number < math.inf):
        least = f"a whole number from {LEAST[name]}" if name in LEAST else "a number above 0"
        exit_with(REFUSED, f"--{name} {text}: write {least}, none or default")
    return number


@keys.command("revoke")
def revoke_key(id: KeyId, as_json: AsJson = False) -> None:
    """Revoke a key: a running service refuses it within a second."""
    from app.storage import keys as stored

    with _changed_key() as db:
        answer = _of_key(stored.revoke(db, id))
    say_json(answer) if as_json else say(f"{id} revoked")


@contextmanager
def _changed_key() -> Iterator["Session"]:
    """A transaction that changes a key. Ends the command if there is no such key."""
    from app.errors import NotFound

    try:
        with _database() as db:
            yield db
    except NotFound as error:
        exit_with(REFUSED, error.detail)


@contextmanager
def _database() -> Iterator["Session"]:
    """A transaction in the database of the settings, upgraded to the newest schema."""
    from app.ops.startup import starting  # imported late: it loads SQLAlchemy
    from app.storage import migrate
    from app.storage.database import Database

    settings = checked_settings()
    with starting(settings):
        settings.create_home()
        database = Database(settings.database)
        migrate.upgrade(database)
        with database.write() as db:
            yield db
        database.close()


def _of_key(key: "ApiKey") -> dict[str, Any]:
    from app.api.schemas.times import rfc3339

    return {
        "id": key.id,
        "owner": key.owner,
        "scopes": key.scopes,
        "created_at": rfc3339(key.created_at),
        "expires_at": rfc3339(key.expires_at),
        "revoked_at": rfc3339(key.revoked_at),
        "limits": key.limits or {},
    }
