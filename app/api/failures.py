"""ASGI middleware that answers unexpected exceptions, so that the layers around it treat that answer like any other."""

from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.api.problems import broke_down


class FailureMiddleware:
    """Answer an exception that no handler knows with 500, unless the answer has begun: then the connection breaks.

    Starlette's own layer for this is the outermost one: its answer would have no id and would not be counted.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        has_begun = False

        async def noticed(message: Message) -> None:
            nonlocal has_begun
            has_begun = True
            await send(message)

        try:
            await self.app(scope, receive, noticed)
        except Exception as error:
            if scope["type"] != "http" or has_begun:
                raise
            await broke_down(Request(scope), error)(scope, receive, send)
