"""Addresses below the prefix under which a proxy offers the service (`ANTIGRAD_ROOT_PATH`)."""

from collections.abc import Awaitable
from contextvars import ContextVar

from starlette.types import ASGIApp, Receive, Scope, Send

_prefix: ContextVar[str] = ContextVar("prefix", default="")


class PrefixMiddleware:
    """Make `address` begin with the request's prefix."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        _prefix.set(scope.get("root_path", ""))  # the server handles each request in a context of its own
        return self.app(scope, receive, send)


def address(path: str) -> str:
    """The address of a route as a client of this request sees it."""
    return _prefix.get() + path


def route_path(scope: Scope) -> str:
    """The path of a request without the prefix; the server puts it in front of each path."""
    path: str = scope["path"]
    return path.removeprefix(scope.get("root_path", ""))
