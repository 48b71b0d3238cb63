"""Keys of a service under test."""

from typing import NamedTuple

import httpx
from fastapi.testclient import TestClient

from app.access import Scope
from app.api.keyring import Keyring
from app.storage import keys
from app.storage.database import Database


class Key(NamedTuple):
    """A key's id, and the header that sends it."""

    id: str
    headers: dict[str, str]


def new_key(database: Database, owner: str, *scopes: Scope, seconds: float | None = None) -> Key:
    """Create a key in a service's database. The service accepts it within a second."""
    with database.write() as db:
        key, secret = keys.create(db, owner, scopes, seconds)
    return Key(key.id, bearer(secret))


def until_known(client: TestClient, *made: Key) -> None:
    """Wait until the service knows the keys, without sending one that it would take for a guess."""
    keyring: Keyring = client.app.state.keyring  # type: ignore[attr-defined]
    while any(key.id not in keyring.latest.by_id for key in made):
        client.get("/me")


def until_refused(client: TestClient | httpx.Client, revoked: Key) -> None:
    """Wait until the service refuses a revoked key, which it may have read before."""
    while client.get("/runs", headers=revoked.headers).status_code != 401:
        pass


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def revoke(database: Database, key: Key) -> None:
    with database.write() as db:
        keys.revoke(db, key.id)
