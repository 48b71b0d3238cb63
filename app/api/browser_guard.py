"""Guards against web pages that use a visitor's browser to reach the service: DNS rebinding and cross-site
requests.

A page can point a name of its own to 127.0.0.1 (DNS rebinding); the browser then sends that name as Host. A page of
another origin can send forms and plain texts without asking first; the browser then sends its Origin. Programs such as
curl send neither.
"""

import re
from collections.abc import Collection
from functools import lru_cache

from starlette.types import Scope

from app.access import EVERYBODY
from app.api.addresses import route_path
from app.api.headers import all_values, header
from app.api.problems import PROBES
from app.errors import AppError, Forbidden, Malformed, Misdirected

LOOPBACK_HOSTS = frozenset(("localhost", "127.0.0.1", "[::1]"))
SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
CROSS_SITE = ("cross-site", "same-site")  # values of Sec-Fetch-Site; another port of this host is `same-site`
HOST = re.compile(r"(?P<name>\[[0-9a-fA-F:.]+\]|[^\[\]:@/]+)(?::(?P<port>[0-9]{1,5}))?", re.ASCII)
DEFAULT_PORTS = {"http": 80, "https": 443}


class HostGuard:
    """Refuse requests to another host name than the service's. `allowed` has names without port; None allows all.

    A service that requires a key answers under any name: a page has no key to send, and no session under its own name.
    """

    def __init__(self, allowed: Collection[str] | None) -> None:
        self.allowed = allowed

    def __call__(self, scope: Scope) -> AppError | None:
        if route_path(scope) in PROBES:
            return None
        hosts = all_values(scope, b"host")
        if len(hosts) != 1:
            return Malformed("host_not_one", count=len(hosts))
        name, _ = host_and_port(hosts[0], "http")
        if self.allowed is None or name in self.allowed or scope["state"]["caller"] is not EVERYBODY:
            return None
        return Misdirected("host_unknown", host=name[:100])


class OriginGuard:
    """Refuse requests that a page of another origin makes, unless they only read or `allowed` has the origin.

    Only host and port are compared, because a proxy in front may end TLS. Without Origin, `Sec-Fetch-Site` tells.
    """

    def __init__(self, allowed: Collection[str]) -> None:
        self.allowed = allowed

    def __call__(self, scope: Scope) -> AppError | None:
        if scope["method"] in SAFE_METHODS:
            return None
        origins = all_values(scope, b"origin")
        if not origins:
            cross_site = header(scope, b"sec-fetch-site") in CROSS_SITE
            return Forbidden("request_cross_site") if cross_site else None
        if all(origin in self.allowed or _is_host(origin, header(scope, b"host") or "") for origin in origins):
            return None
        return Forbidden("origin_not_allowed", origin=origins[0][:100])


@lru_cache(256)
def host_and_port(host: str, scheme: str) -> tuple[str, int | None]:
    """The name in a Host header, in lower case and without a final dot, and the port or the scheme's default."""
    parts = HOST.fullmatch(host)
    if parts is None:
        return host, None
    number = int(parts["port"]) if parts["port"] else DEFAULT_PORTS.get(scheme)
    return parts["name"].lower().removesuffix("."), number


def _is_host(origin: str, host: str) -> bool:
    """True if an origin, such as http://localhost:8000, has the host and port of a Host header."""
    scheme, _, address = origin.partition("://")
    return bool(address) and host_and_port(address, scheme) == host_and_port(host, scheme)
