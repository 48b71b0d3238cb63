"""Limits on the connections of a peer, and on the requests of a peer behind a proxy."""

from collections import Counter
from collections.abc import Collection
from ipaddress import IPv6Network

from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.middleware.proxy_headers import ProxyHeadersMiddleware

from app.api.problems import as_response
from app.errors import TooManyRequests

IPV6_BITS = 64  # of a network that one customer usually has as a whole


class Peers:
    """The number of connections, or of requests, of each peer. The addresses in `unlimited` may have any number."""

    def __init__(self, most: int, unlimited: Collection[str] = ()) -> None:
        self.most, self.unlimited = most, frozenset(unlimited)
        self.present: Counter[str] = Counter()

    def enter(self, address: str) -> bool:
        """Count one more, or return False if the peer has the most already."""
        peer = peer_of(address)
        if self.present[peer] >= self.most and address not in self.unlimited:
            return False
        self.present[peer] += 1
        return True

    def leave(self, address: str) -> None:
        """Count one less."""
        peer = peer_of(address)
        self.present[peer] -= 1
        if not self.present[peer]:
            del self.present[peer]


def peer_of(address: str) -> str:
    """The peer with an address: an IPv6 network, or the address itself."""
    if ":" not in address:
        return address
    try:
        return str(IPv6Network((address.partition("%")[0], IPV6_BITS), strict=False))
    except ValueError:  # a proxy may pass on any text
        return address


class ForwardedPeersMiddleware:
    """Limit the requests in flight of each peer behind a proxy, by `X-Forwarded-For`.

    A proxy uses its connections for all of its clients, and the address is known once the headers are. uvicorn's
    middleware finds it: the last one that is no proxy's, since a client can send any in front of it.
    """

    def __init__(self, app: ASGIApp, proxies: Collection[str], most: int) -> None:
        self.app, self.peers = app, Peers(most, proxies)
        self.forwarded = ProxyHeadersMiddleware(self._limited, list(proxies))  # type: ignore[arg-type]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        client = scope.get("client")
        if scope["type"] == "http" and client is not None and client[0] in self.peers.unlimited:
            await self.forwarded(scope, receive, send)  # type: ignore[arg-type]  # uvicorn's own types of ASGI
        else:
            await self.app(scope, receive, send)

    async def _limited(self, scope: Scope, receive: Receive, send: Send) -> None:
        address = scope["client"][0]
        if not self.peers.enter(address):
            error = TooManyRequests("too_many_requests", limit=self.peers.most)
            await as_response(Request(scope), error)(scope, receive, send)
            return
        try:
            await self.app(scope, receive, send)
        finally:
            self.peers.leave(address)
