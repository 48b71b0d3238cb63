"""A new run: a form whose fields are those of POST /runs. Its script fills it in from the public descriptions."""

from functools import partial
from typing import Annotated

from fastapi import Query, Request
from fastapi.responses import HTMLResponse

from app.api.deps import DatabaseDep
from app.api.scopes import TRAIN
from app.learning.presets import PRESETS
from app.runs.requests import RunRequest
from app.storage import datasets
from app.web.limits import limits
from app.web.page import page
from app.web.page_route import page_router

router = page_router()

LISTED = 200  # datasets to choose from


@router.get("/runs/new", dependencies=[TRAIN])
def show_new_run(
    request: Request,
    database: DatabaseDep,
    dataset: Annotated[str | None, Query(max_length=200)] = None,
    run: Annotated[str | None, Query(max_length=100)] = None,
) -> HTMLResponse:
    """The form. With `dataset` it begins with this dataset, with `run` with the request of an earlier run."""
    with database.read() as db:
        found = datasets.ready(db, LISTED)
    return page(
        request,
        "new_run.html",
        datasets=sorted(found, key=lambda each: each.name.lower()),
        chosen=dataset,
        run=run,
        presets=list(PRESETS.values()),
        limits=partial(limits, RunRequest),
        call={"method": "POST", "path": "/runs", "body": {"dataset": dataset or "notmnist"}, "cli": None},
    )
