"""The list of runs: a filter, columns by choice, and changes of many runs at once."""

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import Query, Request
from fastapi.responses import HTMLResponse
from sqlalchemy import false, true

from app.access import EVERYBODY
from app.api.deps import Cursor, DatabaseDep, GlancesDep
from app.api.run_filter import Sort
from app.api.scopes import READ
from app.constants import RunStatus
from app.errors import Invalid
from app.runs.grouping import FIELDS, MOST_GROUPED, TAG, Group, grouped
from app.runs.overview import Overview
from app.runs.views import views
from app.storage import run_search, runs
from app.storage.database import database_now
from app.storage.run_order import RunOrder
from app.web.links import link
from app.web.page import page
from app.web.page_route import page_router

router = page_router()

SHOWN = 50  # runs of a page
NEWEST = "-created_at"
# The columns that a reader chooses from, and those that are shown at first.
COLUMNS = (
    *("dataset", "losses", "best", "test_loss", "test_accuracy", "duration", "epoch", "step", "optimizer", "lr"),
    *("batch_size", "seed", "tags", "owner", "size", "created"),
)
FIRST_COLUMNS = ("dataset", "losses", "best", "duration", "created")
# By column: the value that `sort` knows.
SORTED = {
    "name": "name",
    "test_loss": "test.loss",
    "test_accuracy": "-test.accuracy",
    "size": "-bytes",
    "created": NEWEST,
}
STATUSES = (RunStatus.RUNNING, RunStatus.QUEUED, RunStatus.SUCCEEDED, RunStatus.FAILED)


@router.get("/runs", dependencies=[READ])
def show_runs(
    request: Request,
    database: DatabaseDep,
    glances: GlancesDep,
    q: Annotated[str, Query(max_length=10_000)] = "",
    sort: Sort = NEWEST,
    columns: Annotated[str | None, Query(max_length=500)] = None,
    cursor: Cursor = None,
    group: Annotated[str | None, Query(max_length=210)] = None,
) -> HTMLResponse:
    """A page of the runs that match the filter. A wrong filter stays in its field, with what is wrong."""
    field = group if group and (group in FIELDS or group.startswith(TAG)) else None
    where, problem = runs.matching(database_now()), None
    try:
        where &= run_search.search(database, q)
    except Invalid as error:
        where, problem = false(), error.message
    with database.read() as db:
        found = runs.page(db, where, MOST_GROUPED if field else SHOWN, cursor, RunOrder.by(sort))
        items = views(db, found.items)
        newest = next((run.id for run in runs.states(db, true(), 1)), None)
    first = _first_columns(request)
    chosen = first if columns is None else tuple(name for name in COLUMNS if name in columns.split(","))
    shown = glances.overviews(database, items)
    return page(
        request,
        "runs.html",
        items=shown,
        group=field,
        groups=[(found, _term(found, field)) for found in grouped(shown, field)] if field else None,
        group_fields=_group_fields(shown),
        newest=newest,
        is_new=newest is None and not q and cursor is None,
        problem=problem,
        q=q,
        sort=sort,
        next=found.next,
        columns=chosen,
        first_columns=first,
        all_columns=COLUMNS,
        statuses=STATUSES,
        sort_links={name: _sort_link(request, sort, value) for name, value in SORTED.items()},
        link=lambda **changes: link(request.query_params, changes),
        call=_call(q, sort),
    )


def _group_fields(shown: Sequence[Overview]) -> list[str]:
    """The fields to group by: those of every run, and the tags of these."""
    keys = sorted({key for item in shown for key in item.view.run.tags})
    return [*FIELDS, *(f"{TAG}{key}" for key in keys)]


def _term(group: Group, field: str) -> str | None:
    """The term of the filter that the runs of a group match; None if there is none for those without a value."""
    if group.value is None:
        return None
    sign = "=" if isinstance(group.value, float | int) else ":"
    return f'{field}{sign}"{group.value}"' if " " in str(group.value) else f"{field}{sign}{group.value}"


def _first_columns(request: Request) -> tuple[str, ...]:
    """The columns that are shown at first: with the owner, where there are keys and so owners."""
    chosen = FIRST_COLUMNS if request.state.caller is EVERYBODY else (*FIRST_COLUMNS, "owner")
    return tuple(name for name in COLUMNS if name in chosen)


def _sort_link(request: Request, sort: str, value: str) -> tuple[str, str | None]:
    """The address that sorts by a value, or the other way round if the page already does; and how it is sorted now."""
    name = value.removeprefix("-")
    if sort.removeprefix("-") != name:
        return link(request.query_params, {"sort": value, "cursor": None}), None
    reverse = name if sort.startswith("-") else f"-{name}"
    now = "descending" if sort.startswith("-") else "ascending"
    return link(request.query_params, {"sort": reverse, "cursor": None}), now


def _call(q: str, sort: str) -> dict[str, Any]:
    """The call with which a program gets the same list."""
    query = ({"q": q} if q else {}) | ({"sort": sort} if sort != NEWEST else {})
    options = "".join(f" --{name} '{value}'" for name, value in (("search", q), ("sort", query.get("sort"))) if value)
    return {"method": "GET", "path": "/runs", "query": query, "cli": f"antigrad runs{options}"}
