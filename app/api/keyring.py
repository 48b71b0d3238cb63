"""The keys that are valid now, in memory: checking a request takes a hash and a look-up, and no query."""

import asyncio
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from fastapi.concurrency import run_in_threadpool
from pydantic import SecretStr

from app.access import EVERYBODY, NO_LIMITS, NO_OWNER, Caller, Limits, Scope
from app.serving.coalescing import mark_seen
from app.storage import keys, shares
from app.storage.database import Database

RENEWED_AFTER, VALID_FOR = 0.5, 1.0  # seconds; a revoked key is refused after the second one at the latest


@dataclass(frozen=True)
class Keys:
    """The callers by the hashes of their keys and by the ids, and the ids of shares, as the database had them at
    `read_at`.

    `required`: a request needs a key. That stays so when the last key is revoked or has expired.
    """

    callers: Mapping[str, Caller]
    by_id: Mapping[str, Caller]
    shares: Collection[str]
    required: bool
    read_at: float

    def caller(self, secret: str) -> Caller | None:
        """The caller with this key; None if it is not valid.

        How long the look-up takes can tell something about the hash only, from which no secret follows.
        """
        return self.callers.get(keys.hash_of(secret))

    def caller_of_id(self, id: str) -> Caller | None:
        """The caller whose key has this id; None if it is not valid."""
        return self.by_id.get(id)


class Keyring:
    """The valid keys, read again in the background while requests come, so that few of them wait for it."""

    def __init__(
        self,
        database: Database,
        settings_key: SecretStr | None,
        clock: Callable[[], float] = time.monotonic,
        limits: Limits = NO_LIMITS,
    ) -> None:
        """`settings_key` is the key of the settings, an admin's, and `limits` are those of keys without limits of their
        own. Reads the keys."""
        self.database, self.clock, self.limits = database, clock, limits
        self.of_settings = {} if settings_key is None else _of_settings(settings_key)
        self.latest = self._read()
        self._renewal: asyncio.Task[None] | None = None

    async def current(self) -> Keys:
        """The keys as they were at most `VALID_FOR` seconds ago."""
        age = self.clock() - self.latest.read_at
        if age >= RENEWED_AFTER:
            if self._renewal is None:
                self._renewal = asyncio.create_task(self._renew())
                self._renewal.add_done_callback(mark_seen)
            if age >= VALID_FOR:
                await asyncio.shield(self._renewal)  # a client that leaves does not end it
        return self.latest

    async def permits(self, caller: Caller) -> bool:
        """True if the caller, who was recognised before, still is one. Raises SQLAlchemyError."""
        keys = await self.current()
        if caller.share is not None:
            return caller.share in keys.shares or await run_in_threadpool(self._is_new, caller.share)
        return caller.key in keys.by_id if caller.key else not keys.required

    def _is_new(self, share: str) -> bool:
        """True if the share was made after the keys were read."""
        with self.database.read() as db:
            return shares.find(db, share) is not None

    async def _renew(self) -> None:
        try:
            self.latest = await run_in_threadpool(self._read)
        finally:
            self._renewal = None

    def _read(self) -> Keys:
        now = self.clock()
        with self.database.read() as db:
            required, shown = bool(self.of_settings) or keys.any_created(db), frozenset(shares.valid(db))
            callers = {
                key.hash: Caller(
                    key.owner,
                    frozenset(map(Scope, key.scopes)),
                    key.id,
                    key.expires_at,
                    limits=keys.limits_of(key, self.limits),
                )
                for key in keys.valid(db)
            }
        callers |= self.of_settings
        return Keys(callers, {str(caller.key): caller for caller in callers.values()}, shown, required, now)


def _of_settings(secret: SecretStr) -> dict[str, Caller]:
    """The key of the settings. Its id is another one when it is changed, so that its sessions end."""
    hash = keys.hash_of(secret.get_secret_value())
    return {hash: Caller(NO_OWNER, EVERYBODY.scopes, f"settings_{hash[:12]}")}
