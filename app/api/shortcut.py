"""ASGI middleware that leads the most frequent request past the router."""

from collections.abc import Awaitable

from fastapi import FastAPI
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.addresses import route_path
from app.api.tracing import name_span


class ShortcutMiddleware:
    """Hand requests with a method and path to an app of their own. The service's exception handlers answer its errors.

    It has to be the innermost middleware, so that the others see these requests, too.
    """

    def __init__(self, app: ASGIApp, service: FastAPI, method: str, path: str, to: ASGIApp) -> None:
        handlers = {kind: handler for kind, handler in service.exception_handlers.items() if kind is not Exception}
        self.app, self.method, self.path, self.to = app, method, path, ExceptionMiddleware(to, handlers)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        is_this = scope["type"] == "http" and scope["method"] == self.method and route_path(scope) == self.path
        if is_this:
            name_span(scope)
        return (self.to if is_this else self.app)(scope, receive, send)
