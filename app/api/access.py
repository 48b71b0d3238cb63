"""ASGI middleware that recognises the caller of a request: by its API key, by its session, or by a link."""

import asyncio
from collections.abc import Awaitable, Callable
from urllib.parse import quote

from fastapi.concurrency import run_in_threadpool
from sqlalchemy.exc import SQLAlchemyError
from starlette.requests import Request, cookie_parser
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from app.access import ANONYMOUS, EVERYBODY, Caller
from app.api.addresses import route_path
from app.api.headers import header
from app.api.keyring import Keyring, Keys
from app.api.problems import as_response
from app.api.tokens import SESSION, SHARED, Tokens
from app.api.wrong_keys import WrongKeys, peer_of
from app.errors import NotReady, Unauthorized
from app.storage import shares
from app.storage.database import Database

AUTHORIZATION = b"authorization"
HEALTH = "/healthz"  # says that the process is alive, even if the database does not answer
LOGIN = "/login"
STATIC = "/ui/static/"  # scripts and styles of the pages, which the login needs too
OPEN_PATHS = (HEALTH, "/readyz", LOGIN)  # answered without a key, like STATIC; their routes are declared `OPEN`
SAFE_METHODS = ("GET", "HEAD")


class AccessMiddleware:
    """Set `request.state.caller`. Where keys are required, refuse requests without a valid one, to whatever address.

    A program sends its key as a bearer token; a browser has a session, and is led to /login without one. Below
    /shared/<token> is what a link shows, as if it were the whole service. Who guesses keys waits longer and longer for
    each answer. A right key never waits, and neither does a request without one, which guesses nothing.
    """

    def __init__(
        self,
        app: ASGIApp,
        database: Database,
        keyring: Keyring,
        tokens: Tokens,
        wrong_keys: WrongKeys,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        self.app, self.database, self.keyring, self.tokens = app, database, keyring, tokens
        self.wrong_keys, self.sleep = wrong_keys, sleep

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        path = route_path(scope)
        is_open = path in OPEN_PATHS or path.startswith(STATIC)
        try:
            if path.startswith(SHARED):
                caller = await self._shared(scope, path)
            else:
                keys = self.keyring.latest if path == HEALTH else await self.keyring.current()
                caller = self._recognised(keys, scope)
        except SQLAlchemyError:
            if not is_open:
                await as_response(Request(scope), NotReady("database_away"))(scope, receive, send)
                return
            caller = self._recognised(self.keyring.latest, scope)
        if caller is None and path != HEALTH:
            await self._delay_guess(scope)
        if caller is None and not is_open:
            await _refusal(scope)(scope, receive, send)
            return
        scope.setdefault("state", {})["caller"] = ANONYMOUS if caller is None else caller
        await self.app(scope, receive, send)

    def _recognised(self, keys: Keys, scope: Scope) -> Caller | None:
        """The caller of a request; None if it needs a key and has neither a valid one nor a session with one."""
        if not keys.required:
            return EVERYBODY
        sent = header(scope, AUTHORIZATION)
        if sent is not None:
            kind, _, secret = sent.partition(" ")
            return keys.caller(secret) if kind.lower() == "bearer" else None
        cookies = header(scope, b"cookie")
        session = None if cookies is None else cookie_parser(cookies).get(SESSION)
        key = None if session is None else self.tokens.key_of(session)
        return None if key is None else keys.caller_of_id(key)

    async def _shared(self, scope: Scope, path: str) -> Caller | None:
        """The caller of a link, to which the link is the root of the service; None if it does not show the path."""
        token, _, rest = path.removeprefix(SHARED).partition("/")
        share = self.tokens.share_of(token) if scope["method"] in SAFE_METHODS else None
        shown = None if share is None else await run_in_threadpool(self._find_share, share)
        if shown is None or not (shown.shows(f"/{rest}") or f"/{rest}".startswith(STATIC)):
            return None
        scope["root_path"] = f"{scope.get('root_path', '')}{SHARED}{token}"
        return shown.caller

    def _find_share(self, id: str) -> shares.Shown | None:
        with self.database.read() as db:
            return shares.find(db, id)

    async def _delay_guess(self, scope: Scope) -> None:
        """Let a request with a wrong key wait, also at the open addresses, some of which say more with a right one."""
        if header(scope, AUTHORIZATION) is not None and (seconds := self.wrong_keys.delay(peer_of(scope))):
            await self.sleep(seconds)


def _refusal(scope: Scope) -> Response:
    """The refusal of a request without a valid key; a browser that opens a page is led to the login. A part of a page
    that is loaded later is no page."""
    opens_page = scope["method"] in SAFE_METHODS and "text/html" in (header(scope, b"accept") or "")
    if opens_page and header(scope, AUTHORIZATION) is header(scope, b"hx-request") is None:
        query = scope["query_string"].decode("latin-1")
        page = quote(scope["path"]) + (f"?{query}" if query else "")
        address = f"{scope.get('root_path', '')}{LOGIN}?next={quote(page, safe='')}"
        return RedirectResponse(address, 303, {"Cache-Control": "no-store"})
    return as_response(Request(scope), Unauthorized("api_key_wrong"), {"WWW-Authenticate": "Bearer"})
