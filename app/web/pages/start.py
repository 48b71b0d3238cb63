"""The way in: `/` and `/ui` lead to the runs."""

from fastapi import APIRouter
from fastapi.responses import RedirectResponse

from app.api.addresses import address
from app.api.scopes import ANY_KEY
from app.errors import NotFound
from app.web.page_route import PageRoute

router = APIRouter(route_class=PageRoute, include_in_schema=False, dependencies=[ANY_KEY])


@router.get("/")
@router.get("/ui")
@router.get("/ui/")
async def start() -> RedirectResponse:
    """The list of runs."""
    return RedirectResponse(address("/ui/runs"), 303)


@router.get("/ui/{path:path}")
async def no_such_page() -> None:
    """Raises NotFound, which is shown as a page."""
    raise NotFound("not_found")
