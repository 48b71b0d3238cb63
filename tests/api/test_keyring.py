"""The keys in memory: at most a second old, whatever the database does meanwhile."""

from collections.abc import Iterator
from pathlib import Path

import anyio
import pytest
from pydantic import SecretStr
from sqlalchemy.exc import OperationalError

from app.access import Caller, Scope
from app.api.keyring import RENEWED_AFTER, VALID_FOR, Keyring
from app.storage import migrate
from app.storage.database import Database
from tests.support.keys import Key, new_key, revoke
from tests.support.services import KEY


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'new.db'}")
    migrate.upgrade(database)
    yield database
    database.close()


def sent(key: Key) -> str:
    return key.headers["Authorization"].removeprefix("Bearer ")


def test_a_key_is_its_owner_with_its_scopes(database: Database) -> None:
    key = new_key(database, "s1", Scope.READ, Scope.PREDICT)
    found = Keyring(database, None).latest.caller(sent(key))
    assert found == Caller("s1", frozenset({Scope.READ, Scope.PREDICT}), key.id)
    assert not found.is_admin and found.may(Scope.READ) and not found.may(Scope.TRAIN)


def test_revoked_expired_and_unknown_keys_are_none(database: Database) -> None:
    revoked, expired = new_key(database, "s1", Scope.READ), new_key(database, "s1", Scope.READ, seconds=-1)
    revoke(database, revoked)
    keys = Keyring(database, SecretStr(KEY)).latest
    for secret in (sent(revoked), sent(expired), "", KEY[:-1], sent(revoked)[3:]):
        assert keys.caller(secret) is None
    of_settings = keys.caller(KEY)
    assert of_settings is not None and of_settings.is_admin


def test_a_service_that_has_had_a_key_stays_closed(database: Database) -> None:
    assert not Keyring(database, None).latest.required
    key = new_key(database, "s1", Scope.READ)
    assert Keyring(database, None).latest.required
    revoke(database, key)
    new_key(database, "s1", Scope.READ, seconds=-1)
    keys = Keyring(database, None).latest
    assert keys.required and not keys.callers


def test_a_change_is_known_within_a_second_and_mostly_read_in_the_background(database: Database, clock: Clock) -> None:
    key = new_key(database, "s1", Scope.READ)
    keyring = Keyring(database, None, clock)
    revoke(database, key)

    async def story() -> None:
        clock.now = RENEWED_AFTER / 2
        assert (await keyring.current()).caller(sent(key)) is not None
        clock.now = RENEWED_AFTER  # renewed behind this request, which does not wait
        assert (await keyring.current()).caller(sent(key)) is not None
        while (await keyring.current()).caller(sent(key)) is not None:
            await anyio.sleep(0.001)
        other = new_key(database, "s2", Scope.READ)
        clock.now += VALID_FOR
        assert (await keyring.current()).caller(sent(other)) is not None

    anyio.run(story)


def test_many_requests_share_one_renewal(database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    keyring, reads, read = Keyring(database, None, clock), [], Keyring._read
    monkeypatch.setattr(Keyring, "_read", lambda self: (reads.append(1), read(self))[1])
    clock.now = VALID_FOR

    async def story() -> None:
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(keyring.current)

    anyio.run(story)
    assert len(reads) == 1


def test_without_the_database_old_keys_are_not_believed_for_longer_than_a_second(
    database: Database, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = new_key(database, "s1", Scope.READ)
    keyring = Keyring(database, None, clock)
    with monkeypatch.context() as broken:

        def away(_: object) -> None:
            raise OperationalError("SELECT", {}, Exception("away"))

        broken.setattr(Keyring, "_read", away)

        async def story() -> None:
            clock.now = RENEWED_AFTER
            assert (await keyring.current()).caller(sent(key)) is not None
            clock.now = VALID_FOR
            with pytest.raises(OperationalError):
                await keyring.current()

        anyio.run(story)

    async def again() -> None:
        assert (await keyring.current()).caller(sent(key)) is not None

    anyio.run(again)
