"""A request that never ends, or comes a byte at a time, is refused and its connection closed.

What stays available: memory, since headers have a limit; and connections, since a request has limited time to arrive.
Answers, such as event streams, may last.
"""

import socket
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.commands import serving
from tests.support.connections import GET, Connection, Site, run

POST = b"POST /%s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n%s\r\n"
CHUNKED = b"POST /body HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
KIB = 1024


def refusal(connection: Connection) -> tuple[int, str]:
    """Status and code of the answer of a refused connection."""
    assert b"content-type: application/problem+json\r\n" in connection.transport.sent
    assert b"\r\nconnection: close\r\n" in connection.transport.sent
    status, problem = connection.answer
    return status, problem["code"]


@run
async def test_a_silent_connection_is_closed() -> None:
    site = Site()
    silent = site.connect()
    await site.clock.advance(19)
    assert silent.is_open
    await site.clock.advance(1)
    assert not silent.is_open and silent.transport.sent == b""


@pytest.mark.parametrize("begun", [b"GET /", GET[:-2] % b"body", b"\r\n"])
@run
async def test_headers_have_20_seconds_from_the_first_byte(begun: bytes) -> None:
    site = Site()
    slow = site.connect()
    await site.clock.advance(15)
    await slow.send(begun)
    for _ in range(19):
        await site.clock.advance(1)
        await slow.send(b"\r\n" if begun == b"\r\n" else b"a")
    assert slow.is_open and slow.transport.sent == b""
    await site.clock.advance(1)
    assert refusal(slow) == (408, "headers_too_slow")
    await site.clock.advance(1)
    assert not slow.is_open


@run
async def test_a_further_request_has_the_same_time() -> None:
    site = Site()
    slow = site.connect()
    for _ in range(3):
        await slow.send(GET[:5])
        await site.clock.advance(19)
        await slow.send(GET[5:] % b"body")
    assert slow.transport.sent.count(b"200 OK") == 3
    await slow.send(GET[:5])
    slow.transport.sent = b""
    await site.clock.advance(20)
    assert refusal(slow) == (408, "headers_too_slow")


@run
async def test_between_requests_the_time_is_uvicorns() -> None:
    site = Site()
    idle = site.connect()
    await idle.send(GET % b"body")
    await site.clock.advance(4)
    assert idle.is_open
    await site.clock.advance(1)
    assert not idle.is_open


@pytest.mark.parametrize(
    "begun",
    [
        b"GET /",
        b"GET / HTTP/1.1\r\nX: ",
        b"GET / HTTP/1.1\r\n",
        CHUNKED + b"1\r\nx\r\n0\r\nX: ",
        CHUNKED + b"1;",
    ],
    ids=["request line", "header", "headers", "trailer", "chunk extension"],
)
@run
async def test_what_has_no_end_is_refused_after_64_kib(begun: bytes) -> None:
    piece = (b"A: b\r\n" if begun.endswith(b"1.1\r\n") else b"abcdef") * 1000
    endless = Site().connect()
    await endless.send(begun)
    for _ in range(10):
        await endless.send(piece)
    assert endless.transport.sent == b""
    await endless.send(piece)
    assert refusal(endless) == (431, "headers_too_large")
    sent = endless.transport.sent
    for _ in range(100):
        await endless.send(piece)
    assert endless.transport.sent == sent
    await endless.clock.advance(1)
    assert not endless.is_open


@pytest.mark.parametrize("size", [65, 200])
@run
async def test_complete_headers_over_64_kib_are_refused(size: int) -> None:
    large = Site().connect()
    await large.send(POST % (b"body", 4, b"X: " + b"x" * size * KIB + b"\r\n") + b"body")
    assert refusal(large) == (431, "headers_too_large")
    assert large.answer[1]["instance"] == "/body"


@run
async def test_headers_up_to_64_kib_are_taken_with_any_body() -> None:
    fair = Site().connect()
    for _ in range(3):
        await fair.send(POST % (b"body", 300_000, b"X: " + b"x" * 63 * KIB + b"\r\n") + b"b" * 200_000)
        await fair.send(b"b" * 100_000 + GET % b"body")
    assert fair.transport.sent.count(b"200 OK") == 6 and b"300000" in fair.transport.sent


@run
async def test_what_is_no_http_is_refused_with_a_problem() -> None:
    strange = Site().connect()
    await strange.send(b"\x16\x03\x01\x02\x00\r\n\r\n")
    assert refusal(strange) == (400, "bad_request")


@run
async def test_a_body_at_less_than_a_kilobyte_a_second_is_refused() -> None:
    site = Site()
    slow = site.connect()
    await slow.send(POST % (b"body", 10_000_000, b""))
    for _ in range(100):  # 20 KiB in 20 seconds
        await slow.send(b"b" * 10 * KIB)
        await site.clock.advance(10)
    assert slow.is_open and slow.transport.sent == b""
    for _ in range(20):
        await slow.send(b"b" * 100)
        await site.clock.advance(1)
    assert refusal(slow) == (408, "body_too_slow")
    await site.clock.advance(1)
    assert not slow.is_open


@run
async def test_a_body_is_not_slow_because_the_service_is() -> None:
    site = Site()
    fast, asks_first = site.connect(), site.connect()
    await fast.send(POST % (b"late", 200_000, b"") + b"b" * 100_000)
    await asks_first.send(POST % (b"late", 4, b"Expect: 100-continue\r\n"))
    await site.clock.advance(1000)
    assert fast.transport.paused and fast.is_open and asks_first.is_open
    site.released.set()
    await site.clock.advance(19)
    await fast.send(b"b" * 100_000)
    await asks_first.send(b"body")
    assert b"200 OK" in fast.transport.sent and fast.transport.sent.endswith(b"200000")
    assert asks_first.transport.sent.startswith(b"HTTP/1.1 100 Continue") and asks_first.transport.sent.endswith(b"4")


@run
async def test_a_refused_request_does_not_hold_its_connection_with_its_body() -> None:
    site = Site()
    slow = site.connect()
    await slow.send(POST % (b"refused", 1000, b""))
    for _ in range(19):
        await slow.send(b"b")
        await site.clock.advance(1)
    assert slow.is_open
    answer = slow.transport.sent
    await slow.send(b"b")
    await site.clock.advance(1)
    assert not slow.is_open and slow.transport.sent == answer


@pytest.mark.parametrize("more", [b"", b"Connection: Upgrade\r\nUpgrade: h2c\r\n"], ids=["", "upgrade"])
@run
async def test_an_answer_may_last(more: bytes) -> None:
    site = Site()
    viewer = site.connect()
    await viewer.send(GET[:-2] % b"stream" + more + b"\r\n")
    await site.clock.advance(86_400)
    site.released.set()
    await site.clock.advance(1)
    assert viewer.transport.sent.endswith(b"end\r\n0\r\n\r\n")


def test_the_service_refuses_headers_without_an_end_before_it_asks_for_a_key(tmp_path: Path) -> None:
    answer = b""
    with serving(tmp_path, "--workers", "0", ANTIGRAD_API_KEY="0123456789abcdef") as address:
        host, _, port = address.partition(":")
        with socket.create_connection((host, int(port)), 120) as endless, suppress(ConnectionError):
            endless.sendall(b"GET /runs HTTP/1.1\r\nX: " + b"x" * 100 * KIB)
            while piece := endless.recv(64 * KIB):
                answer += piece
    assert answer.startswith(b"HTTP/1.1 431 ") and b'"code": "headers_too_large"' in answer
