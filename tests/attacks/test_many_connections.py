"""Many connections of one peer are closed, and keep no other peer out.

What stays available: open files, and with them the service for all others; behind a proxy, for its other clients.
"""

import asyncio
import resource
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from app.server.peers import ForwardedPeersMiddleware, Peers, peer_of
from tests.support.commands import CLI, serving, until_ready
from tests.support.connections import GET, Site, run
from tests.support.fork_server import fork_server
from tests.support.processes import free_port

CONNECTIONS, DEFAULT_LIMIT = 3000, 256
FILES = CONNECTIONS + 500  # that this process opens


@run
async def test_a_peer_has_a_limited_number_of_connections() -> None:
    site = Site(peers=Peers(most=2, unlimited=("192.0.2.9",)))
    first, second = site.connect(), site.connect()
    assert first.is_open and second.is_open and not site.connect().is_open
    assert site.connect("192.0.2.2").is_open
    assert all(site.connect("192.0.2.9").is_open for _ in range(10))
    first.transport.close()
    await site.clock.advance(0)
    assert site.connect().is_open and not site.connect().is_open
    await site.clock.advance(20)
    assert not site.peers.present


@pytest.mark.parametrize(
    ("text", "peer"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::1", "::/64"),
        ("unknown:", "unknown:"),
    ],
)
def test_a_network_of_ipv6_is_one_peer(text: str, peer: str) -> None:
    assert peer_of(text) == peer


@run
async def test_behind_a_proxy_each_forwarded_address_has_a_limited_number_of_requests() -> None:
    released = asyncio.Event()
    answers: list[tuple[str, int]] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await released.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body"})

    limited = ForwardedPeersMiddleware(app, ("10.0.0.1", "10.0.0.2"), most=2)

    async def request(name: str, client: str, forwarded: str = "") -> None:
        async def send(message: Any) -> None:
            if message["type"] == "http.response.start":
                answers.append((name, message["status"]))

        sent = [(b"x-forwarded-for", forwarded.encode())] if forwarded else []
        scope = {"type": "http", "method": "GET", "path": "/", "query_string": b"", "headers": sent}
        await limited(scope | {"client": (client, 1)}, None, send)  # type: ignore[arg-type]

    async with asyncio.TaskGroup() as requests:
        for number in range(4):
            requests.create_task(request("one", "10.0.0.1", "192.0.2.1"))
            requests.create_task(request("with false ones", "10.0.0.1", f"192.0.2.{number}, 192.0.2.2, 10.0.0.2"))
            requests.create_task(request("a proxy itself", "10.0.0.2"))
            requests.create_task(request("no proxy", "192.0.2.4", "192.0.2.1"))
        while len(answers) < 4:
            await asyncio.sleep(0)
        assert sorted(answers) == [("one", 429)] * 2 + [("with false ones", 429)] * 2
        released.set()
    assert len(answers) == 16 and [status for _, status in answers[4:]] == [200] * 12
    await request("one", "10.0.0.1", "192.0.2.1")
    assert answers[-1] == ("one", 200)


@contextmanager
def open_files(process: int, soft: int) -> Iterator[None]:
    """Set a process's soft limit of open files for a while."""
    before = resource.prlimit(process, resource.RLIMIT_NOFILE)
    resource.prlimit(process, resource.RLIMIT_NOFILE, (min(soft, before[1]), before[1]))
    try:
        yield
    finally:
        resource.prlimit(process, resource.RLIMIT_NOFILE, before)


@pytest.fixture
def service(tmp_path: Path) -> Iterator[tuple[int, int]]:
    """The process and port of `antigrad serve`, started by a shell that allows 1,024 open files."""
    port = free_port()
    with open_files(fork_server().process.pid, 1024):
        process = fork_server().start(
            CLI, "serve", "--workers", "0", "--port", str(port), ANTIGRAD_HOME=str(tmp_path / "home")
        )
    try:
        until_ready(process, f"http://127.0.0.1:{port}")
        yield process.pid, port
    finally:
        process.terminate()
        assert process.wait(120) == 0


def connect(port: int, address: str, sent: bytes) -> socket.socket:
    connection = socket.create_connection(("127.0.0.1", port), 120, (address, 0))
    with suppress(ConnectionError):  # if it has been closed
        connection.sendall(sent)
    connection.setblocking(False)
    return connection


def received(connection: socket.socket) -> bytes | None:
    """Read the bytes that have arrived, at most 64 KiB; returns None if the connection is closed."""
    try:
        return connection.recv(65536) or None
    except BlockingIOError:
        return b""
    except ConnectionError:
        return None


def test_the_service_raises_its_limit_of_open_files(service: tuple[int, int]) -> None:
    process, _ = service
    soft, hard = psutil.Process(process).rlimit(psutil.RLIMIT_NOFILE)
    assert soft == hard


@pytest.mark.skipif(
    0 <= resource.getrlimit(resource.RLIMIT_NOFILE)[1] < FILES, reason=f"this process may not open {FILES:,} files"
)
def test_3000_connections_of_one_peer_keep_no_other_out(service: tuple[int, int]) -> None:
    """Event streams last, so exactly the connections within the limit stay."""
    _, port = service
    url = f"http://127.0.0.1:{port}"
    run = httpx.post(f"{url}/runs", json={"dataset": "digits"}, timeout=120).json()["id"]
    with open_files(0, FILES):
        watching = {
            connection: b""
            for connection in (connect(port, "127.0.0.2", GET % b"runs/%s/events" % run.encode())
                               for _ in range(CONNECTIONS))
        }  # fmt: skip
        deadline = time.monotonic() + 120
        while len(watching) > DEFAULT_LIMIT or not all(b"event: status" in text for text in watching.values()):
            assert time.monotonic() < deadline, len(watching)
            for connection in list(watching):
                if (text := received(connection)) is None:
                    del watching[connection]
                    connection.close()
                else:
                    watching[connection] += text
        assert httpx.get(f"{url}/healthz", timeout=120).status_code == 200
        assert len(watching) == DEFAULT_LIMIT and None not in map(received, watching)
        for connection in watching:
            connection.close()


def test_behind_a_proxy_the_service_limits_the_requests_of_each_forwarded_address(tmp_path: Path) -> None:
    settings = {"ANTIGRAD_PROXIES": "127.0.0.1", "ANTIGRAD_CONNECTIONS_PER_PEER": "2"}
    with (
        serving(tmp_path, "--workers", "0", **settings) as address,
        httpx.Client(base_url=f"http://{address}") as proxy,
    ):
        client, other = {"X-Forwarded-For": "192.0.2.1"}, {"X-Forwarded-For": "192.0.2.2"}
        run = proxy.post("/runs", json={"dataset": "digits"}).json()["id"]
        with ExitStack() as streams:
            for headers in (client, client, other):
                stream = streams.enter_context(proxy.stream("GET", f"/runs/{run}/events", headers=headers))
                assert stream.status_code == 200
            refused = proxy.get("/healthz", headers=client)
            assert (refused.status_code, refused.json()["code"]) == (429, "too_many_requests")
            assert refused.headers["Retry-After"] == "2"
            assert proxy.get("/healthz", headers=other).status_code == 200
            assert proxy.get("/healthz").status_code == 200
