"""One HTTP/1.1 connection: uvicorn's protocol, with limits on headers and on the time that a request takes to arrive.

uvicorn has no settings for these. What is used of `HttpToolsProtocol` has names without underscore, but no
documentation; the tests in `tests/attacks` notice when it changes.
"""

import asyncio
from http import HTTPStatus
from typing import Any

from uvicorn import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from app.api.problems import MEDIA_TYPE, document
from app.api.response_headers import DATA_POLICY
from app.errors import AppError, HeadersTooLarge, Malformed, TooSlow
from app.server.gathered_writes import GatheredWrites
from app.server.limits import Limits
from app.server.peers import Peers

PATH_CHARACTERS = 200  # of an address in a refusal


class HeadersOverLimit(Exception):
    """The parser has to stop: the connection has been refused."""


class LimitedProtocol(HttpToolsProtocol):
    """A connection that is closed if its peer has too many, or if it sends too many headers or too slowly.

    A new connection, and one between two requests, has uvicorn's timer of idle connections. `_timer` runs while a part
    of a request has arrived, and not while an answer is made or sent.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        limits: Limits,
        peers: Peers,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self.limits, self.peers = limits, peers
        self.url = b""  # uvicorn sets it with the first request
        self._peer: str | None = None  # the address that is counted
        self._timer: asyncio.TimerHandle | None = None
        self._refused = False
        self._unparsed = 0  # bytes since the parser has last come to the end of headers or to a piece of a body
        self._in_body = False
        self._body_bytes = 0  # in the present period
        self._server_was_late = False  # in the present period: the client could not send

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.transport = GatheredWrites(transport, self.loop)
        if self.client is not None:
            if not self.peers.enter(self.client[0]):
                transport.abort()
                return
            self._peer = self.client[0]
        seconds = self.limits.header_seconds
        self.timeout_keep_alive_task = self.loop.call_later(seconds, self.timeout_keep_alive_handler)

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._stop_timer()
        self._unset_keepalive_if_required()  # uvicorn keeps the timer, and with it the connection, after an error
        if self._peer is not None:
            self.peers.leave(self._peer)
            self._peer = None

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return  # read on for a while: the kernel would drop the refusal if data were left unread
        self._unparsed += len(data)
        super().data_received(data)
        if self._refused or self.transport.is_closing():
            return
        if self._unparsed > self.limits.header_bytes:
            self._refuse_headers()
        elif self._timer is None:
            self._start_timer()

    def on_headers_complete(self) -> None:
        self._stop_timer()
        if self._unparsed > self.limits.header_bytes and self._header_bytes() > self.limits.header_bytes:
            self._refuse_headers()
            raise HeadersOverLimit
        super().on_headers_complete()
        self._unparsed = self._body_bytes = 0
        self._in_body, self._server_was_late = True, self.expect_100_continue or self.flow.read_paused

    def on_body(self, body: bytes) -> None:
        self._unparsed = 0
        self._body_bytes += len(body)
        super().on_body(body)
        self._server_was_late = self._server_was_late or self.flow.read_paused

    def on_message_complete(self) -> None:
        self._stop_timer()
        self._unparsed, self._in_body = 0, False
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """Answer what the parser refuses."""
        if not self._refused:
            self._refuse(Malformed("bad_request", reason=msg))

    def _header_bytes(self) -> int:
        """The size of complete headers, where it has to be exact: the bytes that arrived may belong to a body, too."""
        return len(self.url) + sum(len(name) + len(value) + len(": \r\n") for name, value in self.headers)

    def _start_timer(self) -> None:
        """Limit the time for what the client has begun to send."""
        if self._in_body:
            self._timer = self.loop.call_later(self.limits.body_seconds, self._check_body)
        elif self.cycle is None or self.cycle.response_complete:
            self._timer = self.loop.call_later(self.limits.header_seconds, self._headers_late)

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _headers_late(self) -> None:
        self._refuse(TooSlow("headers_too_slow", seconds=self.limits.header_seconds))

    def _check_body(self) -> None:
        """Refuse a body that has brought too little in this period, unless the server did not let the client send."""
        server_is_late = self.flow.read_paused or self.cycle.waiting_for_100_continue
        if self._body_bytes < self.limits.body_bytes and not (server_is_late or self._server_was_late):
            limit, seconds = self.limits.body_bytes, self.limits.body_seconds
            self._refuse(TooSlow("body_too_slow", limit=limit, seconds=seconds))
            return
        self._body_bytes, self._server_was_late = 0, server_is_late
        self._start_timer()

    def _refuse_headers(self) -> None:
        self._refuse(HeadersTooLarge("headers_too_large", limit=self.limits.header_bytes))

    def _refuse(self, error: AppError) -> None:
        """Answer with a problem, if no other answer would be mixed with it, and close the connection."""
        self._refused = True
        self._stop_timer()
        if not self._may_answer():
            self.transport.abort()
            return
        if self._in_body:  # the app learns that the client has gone, and its answer is not sent
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        self.transport.write(self._answer(error))
        self._timer = self.loop.call_later(self.limits.linger_seconds, self.transport.abort)

    def _may_answer(self) -> bool:
        if self.cycle is None:
            return True
        if self._in_body:
            return not self.pipeline and not self.cycle.response_started
        return self.cycle.response_complete

    def _answer(self, error: AppError) -> bytes:
        path = self.url.partition(b"?")[0][:PATH_CHARACTERS].decode("latin-1")
        body = document(error, path).encode()
        headers = [
            *self.server_state.default_headers,
            (b"content-type", MEDIA_TYPE.encode()),
            (b"content-length", b"%d" % len(body)),
            (b"content-security-policy", DATA_POLICY.encode()),
            (b"x-content-type-options", b"nosniff"),
            (b"cross-origin-resource-policy", b"same-origin"),
            (b"connection", b"close"),
        ]
        status = f"HTTP/1.1 {error.status} {HTTPStatus(error.status).phrase}".encode()
        return b"\r\n".join([status, *(name + b": " + value for name, value in headers), b"", body])
