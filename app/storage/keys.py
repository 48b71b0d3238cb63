"""API keys: created, listed, revoked, and read to check requests.

Only the SHA-256 of a secret is stored. A slow hash would protect guessable passwords; a secret is 256 random bits.
"""

import hashlib
import secrets
from collections.abc import Collection, Mapping
from dataclasses import replace
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from app.access import NO_LIMITS, Limits, Scope
from app.errors import NotFound
from app.storage.audit import Action, record
from app.storage.database import database_now
from app.storage.ids import new_id
from app.storage.tables import ApiKey

PREFIX = "ag_"  # of a secret, by which people and scanners of source code recognise it


def hash_of(secret: str) -> str:
    """The hash of a secret as it is sent."""
    return hashlib.sha256(secret.encode()).hexdigest()


def create(db: Session, owner: str, scopes: Collection[Scope], seconds: float | None) -> tuple[ApiKey, str]:
    """Create a key that is valid for `seconds`, or until it is revoked; returns it with its secret."""
    secret = f"{PREFIX}{secrets.token_urlsafe(32)}"
    now = db.execute(select(database_now())).scalar_one()
    key = ApiKey(
        id=new_id("key"),
        hash=hash_of(secret),
        owner=owner,
        scopes=[scope.value for scope in Scope if scope in scopes],
        created_at=now,
        expires_at=None if seconds is None else now + seconds,
        revoked_at=None,
    )
    db.add(key)
    db.flush()
    record(db, Action.KEY_CREATE, key.id)
    return key, secret


def created(db: Session) -> list[ApiKey]:
    """All keys, the revoked and the expired ones too, oldest first."""
    return list(db.scalars(select(ApiKey).order_by(ApiKey.id)))


def valid(db: Session) -> list[ApiKey]:
    """The keys that are neither revoked nor expired."""
    unexpired = or_(ApiKey.expires_at.is_(None), ApiKey.expires_at > database_now())
    return list(db.scalars(select(ApiKey).where(ApiKey.revoked_at.is_(None), unexpired)))


def any_created(db: Session) -> bool:
    """True if there has ever been a key, even if none is valid now."""
    return db.execute(select(ApiKey.id).limit(1)).first() is not None


def limit(db: Session, id: str, changes: Mapping[str, Any], defaults: Collection[str]) -> ApiKey:
    """Set limits of a key, by the names of their fields, and let others be those of the settings again.

    Raises NotFound.
    """
    key = db.get(ApiKey, id)
    if key is None:
        raise NotFound("no_such_key", key=id)
    own = {**(key.limits or {}), **changes}
    key.limits = {name: value for name, value in own.items() if name not in defaults}
    record(db, Action.KEY_LIMIT, id)
    return key


def limits_of(key: ApiKey, defaults: Limits) -> Limits:
    """The limits of a key: its own, or else the defaults. An admin's key has none."""
    return NO_LIMITS if Scope.ADMIN in key.scopes else replace(defaults, **key.limits or {})


def revoke(db: Session, id: str) -> ApiKey:
    """Revoke a key; a second time changes nothing. Raises NotFound."""
    key = db.get(ApiKey, id)
    if key is None:
        raise NotFound("no_such_key", key=id)
    if key.revoked_at is None:
        key.revoked_at = db.execute(select(database_now())).scalar_one()
        record(db, Action.KEY_REVOKE, id)
    return key
