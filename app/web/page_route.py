"""Routes of pages: their errors are pages too."""

import json
from collections.abc import Callable, Coroutine
from inspect import isawaitable
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request, Response
from fastapi.routing import APIRoute

from app.web.page import Reader, page
from app.web.translations import kind_of

HTMX = "HX-Request"  # the header of a request for a part of a page, whose script says what is wrong
KEPT = ("Retry-After", "WWW-Authenticate", "Allow")  # headers of a problem


class PageRoute(APIRoute):
    """A route whose refusals and failures a browser shows as a page, with the status and words of the problem."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()

        async def handle_page(request: Request) -> Response:
            try:
                return await handle(request)
            except Exception as error:
                problem = await _problem(request, error)
            if HTMX in request.headers:
                return problem
            shown = json.loads(bytes(problem.body))
            title = kind_of(Reader.of(request).texts.language, problem.status_code) or shown["title"]
            answer = page(request, "error.html", problem.status_code, problem=shown, title=title)
            answer.headers.update({name: problem.headers[name] for name in KEPT if name in problem.headers})
            return answer

        return handle_page


async def _problem(request: Request, error: Exception) -> Response:
    """The problem that the API answers with for an error."""
    handlers = request.app.exception_handlers
    handler = next(handlers[kind] for kind in type(error).__mro__ if kind in handlers)
    answer = handler(request, error)
    response: Response = await answer if isawaitable(answer) else answer
    return response


async def _embeddable(embed: Annotated[str | None, Query(max_length=1)] = None) -> None:
    """`embed=1` shows a page without its frame, for those that embed it."""


def page_router() -> APIRouter:
    """A router for the pages below /ui, which the OpenAPI document leaves out."""
    return APIRouter(prefix="/ui", route_class=PageRoute, include_in_schema=False, dependencies=[Depends(_embeddable)])
