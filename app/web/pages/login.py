"""The login of a browser: it takes a key once, and gives a session that ends with the key."""

import asyncio
import re
from typing import Annotated, Any

from fastapi import APIRouter, Form, Query, Request
from fastapi.responses import RedirectResponse, Response

from app.access import ANONYMOUS, EVERYBODY
from app.api.addresses import address
from app.api.keyring import Keyring
from app.api.scopes import ANY_KEY, OPEN, CallerDep
from app.api.tokens import SESSION, SESSION_SECONDS, Tokens
from app.api.wrong_keys import WrongKeys, peer_of
from app.web.page import page
from app.web.page_route import PageRoute

router = APIRouter(route_class=PageRoute, include_in_schema=False)

LOCAL = re.compile(r"/(?![/\\])[!-\[\]-~]*")  # browsers take // and /\ for the beginning of another host's address
Next = Annotated[str, Query(max_length=2000, description="the page to open after the login")]


@router.get("/login", dependencies=[OPEN])
async def show_login(request: Request, caller: CallerDep, next: Next = "/") -> Response:
    """The form, or whose session it is."""
    if caller is EVERYBODY:
        return RedirectResponse(address("/"), 303)
    return _form(request, next) if caller is ANONYMOUS else _page(request, scopes=sorted(caller.scopes))


@router.post("/login", dependencies=[OPEN])
async def log_in(
    request: Request, key: Annotated[str, Form(max_length=500)], next: Annotated[str, Form(max_length=2000)] = "/"
) -> Response:
    """Start a session if the key is valid."""
    keyring: Keyring = request.app.state.keyring
    tokens: Tokens = request.app.state.tokens
    wrong_keys: WrongKeys = request.app.state.wrong_keys
    caller = (await keyring.current()).caller(key.strip())
    if caller is None or caller.key is None:
        await asyncio.sleep(wrong_keys.delay(peer_of(request.scope)))
        return _form(request, next, is_wrong=True)
    response = RedirectResponse(_local(next), 303, {"Cache-Control": "no-store"})
    response.set_cookie(
        SESSION,
        tokens.of_session(caller.key),
        max_age=SESSION_SECONDS,
        path=address("") or "/",
        secure=request.url.scheme == "https",
        httponly=True,
        samesite="strict",
    )
    return response


@router.post("/logout", dependencies=[ANY_KEY])
async def log_out() -> Response:
    """End the browser's session."""
    response = RedirectResponse(address("/login"), 303)
    response.delete_cookie(SESSION, path=address("") or "/", httponly=True, samesite="strict")
    return response


def _local(next: str) -> str:
    """The address to open after the login, if it is one of this service."""
    return next if LOCAL.fullmatch(next) else address("/")


def _form(request: Request, next: str, is_wrong: bool = False) -> Response:
    return _page(request, 401 if is_wrong else 200, next=_local(next), is_wrong=is_wrong)


def _page(request: Request, status: int = 200, **values: Any) -> Response:
    response = page(request, "login.html", status, **values)
    response.headers["Cache-Control"] = "no-store"
    return response
