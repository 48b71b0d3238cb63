"""The page that compares runs: their curves, what differs between them, and how they compare with one of them."""

from typing import Annotated, Any

from fastapi import Query, Request, Response

from app.api.deps import DatabaseDep
from app.api.schemas.runs import RunAnswer, run_answer
from app.api.scopes import READ
from app.runs.comparison import Compared, chosen, compare
from app.runs.views import views
from app.web.chart_view import CHART_VIEW
from app.web.links import link
from app.web.page import page
from app.web.page_route import page_router

router = page_router()


@router.get("/compare", dependencies=[READ, CHART_VIEW])
def show_comparison(
    request: Request,
    database: DatabaseDep,
    ids: Annotated[str, Query(alias="runs", max_length=2000)] = "",
    baseline: Annotated[str | None, Query(max_length=100)] = None,
    pinned: Annotated[str, Query(max_length=2000)] = "",
) -> Response:
    """Up to 20 runs: on top the first or the `baseline`, which others are compared with, and those that are `pinned`.

    Raises Invalid, NotFound."""
    with database.read() as db:
        rows = chosen(db, ids)
        answers = [run_answer(view) for view in views(db, rows)]
    base = next((run for run in rows if run.id == baseline), rows[0] if rows else None)
    compared = compare(rows, base) if base else []
    pins = [run.id for run in rows if run.id in pinned.split(",")]
    listed = sorted(
        zip(answers, compared, strict=True),
        key=lambda each: (base is None or each[0].id != base.id, each[0].id not in pins),
    )
    given = [run.id for run in rows]
    return page(
        request,
        "compare.html",
        compared=listed,
        fields=list(compared[0].fields) if compared else [],
        metrics=list(compared[0].metrics) if compared else [],
        baseline=base.id if base else None,
        pins=pins,
        link=lambda **changes: link(request.query_params, changes),
        data=[_data(answer, each) for answer, each in zip(answers, compared, strict=True)],
        call={
            "method": "GET",
            "path": "/runs/{run}/curve",
            "runs": given,
            "cli": f"antigrad report {' '.join(given)}",
        },
    )


def _data(run: RunAnswer, compared: Compared) -> dict[str, Any]:
    """A run as the scripts draw it."""
    return {
        "id": run.id,
        "name": run.name or run.id,
        "status": run.status,
        "progress": run.progress,
        "environment": {"examples": run.environment.get("examples")},
        "fields": compared.fields,
        "metrics": {name: measured.value for name, measured in compared.metrics.items()},
    }
