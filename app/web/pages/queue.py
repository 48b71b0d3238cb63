"""The queue and the workers: what trains, who waits, why, and for how long."""

from fastapi import Request
from fastapi.responses import HTMLResponse

from app.api.deps import Cursor, DatabaseDep, SettingsDep
from app.api.scopes import READ
from app.runs.queue import queue_page, worker_views
from app.web.page import page
from app.web.page_route import page_router

router = page_router()

SHOWN = 50  # runs of a page


@router.get("/queue", dependencies=[READ])
def show_queue(request: Request, database: DatabaseDep, settings: SettingsDep, cursor: Cursor = None) -> HTMLResponse:
    """The workers with their runs, then the runs that wait, in the order in which they start."""
    with database.read() as db:
        queue = queue_page(db, SHOWN, cursor, settings.lease_seconds)
        workers = worker_views(db, settings.lease_seconds)
    return page(
        request,
        "queue.html",
        queue=queue,
        workers=workers,
        call={"method": "GET", "path": "/queue", "cli": "antigrad queue"},
    )
