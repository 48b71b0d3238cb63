"""The page to try a network: draw a letter or drop a photo, and see what it makes of it."""

from typing import Annotated

from fastapi import Query, Request, Response
from sqlalchemy.orm import Session

from app.access import Scope
from app.api.deps import DatabaseDep
from app.api.scopes import PREDICT, CallerDep
from app.constants import RunStatus
from app.storage import models, runs
from app.storage.database import database_now
from app.storage.tables import Run
from app.web.page import page
from app.web.page_route import page_router

router = page_router()

LOOKED_AT, LISTED = 200, 50  # runs, the newest ones

Chosen = Annotated[str | None, Query(max_length=120)]


@router.get("/try", dependencies=[PREDICT])
def show_try(
    request: Request,
    database: DatabaseDep,
    caller: CallerDep,
    run: Chosen = None,
    model: Chosen = None,
    other: Chosen = None,
) -> Response:
    """The networks that predict from pictures: names of models, and runs. A key that may only predict gives a name."""
    choices: list[tuple[str, str]] = [(f"model={model}", model)] if model else []
    if caller.may(Scope.READ):
        with database.read() as db:
            choices += _models(db) + _runs(db, run)
    choices = list(dict(choices).items())
    wanted = f"run={run}" if run else f"model={model}" if model else None
    return page(
        request, "try.html", choices=choices, chosen=wanted or (choices[0][0] if choices else None), other=other
    )


def _models(db: Session) -> list[tuple[str, str]]:
    """Names whose runs learn from pictures."""
    return [
        (f"model={version.model}", version.model)
        for version in models.current(db)
        if _sees_pictures(runs.get(db, version.run))
    ]


def _runs(db: Session, wanted: str | None) -> list[tuple[str, str]]:
    """The newest runs that learn from pictures, and the one that is wanted."""
    newest = runs.page(db, runs.matching(database_now(), RunStatus.SUCCEEDED), LOOKED_AT).items
    listed = [run for run in newest if _sees_pictures(run)][:LISTED]
    if wanted is not None and wanted not in {run.id for run in listed}:
        listed.insert(0, runs.get(db, wanted))
    return [(f"run={run.id}", run.name or run.id) for run in listed]


def _sees_pictures(run: Run) -> bool:
    return run.weights is not None and run.request.get("normalise") is not None
