"""Who tries one API key after another gets ever slower answers.

What stays available: the service for right keys, also from the same address, and quick answers to everyone else. No
flood of addresses fills the memory.
"""

from collections.abc import Iterator

import pytest
from fastapi.testclient import TestClient
from pydantic import SecretStr

from app.api.access import AccessMiddleware
from app.api.keyring import Keyring
from app.api.tokens import Tokens
from app.api.wrong_keys import AT_ONCE, FORGOTTEN_AFTER, MOST_SECONDS, PEERS, WrongKeys
from tests.support.services import KEY, Service, Template

RIGHT, WRONG = ({"Authorization": f"Bearer {key}"} for key in (KEY, "f" * 16))


class Clock:
    """A clock that stands still until it is told otherwise, and the sleeps that were asked for."""

    def __init__(self) -> None:
        self.now = 0.0
        self.sleeps: list[float] = []

    def __call__(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        self.sleeps.append(seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def unlocked(template: Template, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    with template.client(tmp_path_factory.mktemp("service") / "home") as client:
        yield client


def peer(locked: AccessMiddleware, address: str) -> TestClient:
    return TestClient(locked, base_url="http://localhost", client=(address, 50_000))


@pytest.fixture
def locked(unlocked: TestClient, clock: Clock) -> AccessMiddleware:
    database = Service.of(unlocked).database
    keyring = Keyring(database, SecretStr(KEY))
    return AccessMiddleware(unlocked.app, database, keyring, Tokens("secret"), WrongKeys(clock), clock.sleep)


def test_wrong_keys_of_a_peer_are_answered_ever_slower(locked: AccessMiddleware, clock: Clock) -> None:
    guesser = peer(locked, "192.0.2.1")
    for _ in range(AT_ONCE):
        assert guesser.get("/runs", headers=WRONG).status_code == 401
    assert clock.sleeps == []
    for _ in range(10):
        assert guesser.get("/runs", headers=WRONG).status_code == 401
    assert len(clock.sleeps) == 10 and clock.sleeps == sorted(clock.sleeps)
    for path in ("/readyz", "/login"):  # open, but with a right key they say more
        guesser.get(path, headers=WRONG)
    assert clock.sleeps.pop() == clock.sleeps.pop() == MOST_SECONDS
    assert 0 < clock.sleeps[0] < clock.sleeps[1] and clock.sleeps[-2:] == [MOST_SECONDS] * 2


def test_right_keys_other_peers_and_requests_without_a_key_do_not_wait(locked: AccessMiddleware, clock: Clock) -> None:
    guesser, other = peer(locked, "192.0.2.1"), peer(locked, "192.0.2.2")
    for _ in range(AT_ONCE + 1):
        guesser.get("/runs", headers=WRONG)
    clock.sleeps.clear()
    assert guesser.get("/runs", headers=RIGHT).status_code == 200
    assert guesser.get("/healthz", headers=WRONG).status_code == 200
    assert guesser.get("/runs").status_code == 401
    assert other.get("/runs", headers=WRONG).status_code == 401
    assert clock.sleeps == []


def test_a_peer_that_has_been_quiet_is_forgotten(locked: AccessMiddleware, clock: Clock) -> None:
    guesser = peer(locked, "192.0.2.1")
    for _ in range(AT_ONCE + 1):
        guesser.get("/runs", headers=WRONG)
    clock.sleeps.clear()
    clock.now += FORGOTTEN_AFTER
    guesser.get("/runs", headers=WRONG)
    assert clock.sleeps == []


def test_the_peers_that_are_remembered_are_bounded_and_the_quiet_ones_go_first(clock: Clock) -> None:
    wrong_keys = WrongKeys(clock)
    for number in range(3 * PEERS):
        wrong_keys.delay(f"peer {number}")
        for _ in range(AT_ONCE):
            wrong_keys.delay("the guesser")
    assert len(wrong_keys.counts) == PEERS
    assert wrong_keys.delay("the guesser") == MOST_SECONDS
    clock.now += FORGOTTEN_AFTER
    wrong_keys.delay("another")
    assert list(wrong_keys.counts) == ["another"]
