"""A connection to the service's protocol without a socket, at a time that the test sets."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from uvicorn import Config
from uvicorn._types import ASGIReceiveCallable, ASGISendCallable, Scope
from uvicorn.server import ServerState

from app.server.limits import Limits
from app.server.peers import Peers
from app.server.protocol import LimitedProtocol

GET = b"GET /%s HTTP/1.1\r\nHost: localhost\r\n\r\n"


def run(test: Callable[..., Awaitable[None]]) -> Callable[..., None]:
    """Make a coroutine a test."""

    @wraps(test)
    def running(*arguments: Any, **named: Any) -> None:
        asyncio.run(test(*arguments, **named))  # type: ignore[arg-type]

    return running


class Timer:
    def __init__(self, when: float, callback: Callable[[], object]) -> None:
        self.when, self.callback, self.cancelled = when, callback, False

    def cancel(self) -> None:
        self.cancelled = True


class Clock:
    """The running event loop, except that its time stands still between calls of `advance`."""

    def __init__(self) -> None:
        self.now, self.timers = 0.0, list[Timer]()

    def call_later(self, seconds: float, callback: Callable[..., object], *arguments: object) -> Timer:
        self.timers.append(Timer(self.now + seconds, lambda: callback(*arguments)))
        return self.timers[-1]

    def call_soon(self, callback: Callable[..., object], *arguments: object) -> asyncio.Handle:
        return asyncio.get_running_loop().call_soon(callback, *arguments)

    def create_task(self, coroutine: Any) -> "asyncio.Task[None]":
        return asyncio.get_running_loop().create_task(coroutine)

    async def advance(self, seconds: float) -> None:
        """Let time pass, with all that happens in it."""
        await settle()
        end = self.now + seconds
        while due := [timer for timer in self.timers if not timer.cancelled and timer.when <= end]:
            timer = min(due, key=lambda timer: timer.when)
            self.now = max(self.now, timer.when)
            self.timers.remove(timer)
            timer.callback()
            await settle()
        self.now = end


async def settle() -> None:
    """Let all tasks run until they wait: none of them has more than a few steps."""
    for _ in range(20):
        await asyncio.sleep(0)


class Transport(asyncio.Transport):
    """The server's end of a connection. `sent` is what the client receives."""

    def __init__(self, protocol: asyncio.Protocol, address: str) -> None:
        super().__init__({"peername": (address, 50000), "sockname": ("127.0.0.1", 8000)})
        self.protocol, self.sent, self.closed, self.paused = protocol, b"", False, False

    def write(self, data: Any) -> None:
        self.sent += bytes(data)

    def close(self) -> None:
        if not self.closed:
            self.closed = True
            asyncio.get_running_loop().call_soon(self.protocol.connection_lost, None)

    abort = close

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.paused = True

    def resume_reading(self) -> None:
        self.paused = False


class Connection:
    """A client's end of a connection."""

    def __init__(self, clock: Clock, protocol: LimitedProtocol, address: str) -> None:
        self.clock, self.protocol, self.transport = clock, protocol, Transport(protocol, address)
        protocol.connection_made(self.transport)

    async def send(self, data: bytes) -> None:
        self.protocol.data_received(data)
        await settle()

    @property
    def is_open(self) -> bool:
        return not self.transport.closed

    @property
    def answer(self) -> tuple[int, dict[str, Any]]:
        """Status and JSON of the only answer."""
        head, _, body = self.transport.sent.partition(b"\r\n\r\n")
        return int(head.split()[1]), json.loads(body)


class Site:
    """A server with these limits."""

    def __init__(self, limits: Limits | None = None, peers: Peers | None = None) -> None:
        self.clock, self.limits, self.peers = Clock(), limits or Limits(), peers or Peers(most=256)
        self.state, self.released = ServerState(), asyncio.Event()
        self.config = Config(self.app, log_config=None, ws="none", interface="asgi3", proxy_headers=False)

    def connect(self, address: str = "192.0.2.1") -> Connection:
        protocol = LimitedProtocol(
            self.config, self.state, {}, self.clock, limits=self.limits, peers=self.peers  # type: ignore[arg-type]
        )  # fmt: skip
        return Connection(self.clock, protocol, address)

    async def app(self, scope: Scope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """/body answers with the body's length; /late reads it once `released`; /refused does not read it; /stream
        answers without an end."""
        path, size = scope["path"], 0  # type: ignore[typeddict-item]
        if path == "/late":
            await self.released.wait()
        while path in ("/body", "/late"):
            message: Any = await receive()
            size += len(message.get("body", b""))
            if message["type"] == "http.disconnect":
                return
            if not message["more_body"]:
                break
        text = b"%d" % size
        length = [] if path == "/stream" else [(b"content-length", b"%d" % len(text))]
        await send({"type": "http.response.start", "status": 200, "headers": length, "trailers": False})
        await send({"type": "http.response.body", "body": text, "more_body": path == "/stream"})
        if path == "/stream":
            await self.released.wait()
            await send({"type": "http.response.body", "body": b"end", "more_body": False})
