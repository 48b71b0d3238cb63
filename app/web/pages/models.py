"""Models: names for runs, with their versions, shares and shadows."""

from functools import partial

from fastapi import Request
from fastapi.responses import HTMLResponse

from app.api.deps import DatabaseDep, ModelName, OwnerFilter
from app.api.schemas.models import PointRequest, model_answer
from app.api.schemas.shadow import shadow_report
from app.api.scopes import READ
from app.storage import models, runs, shadows
from app.storage.tables import ModelVersion
from app.web.limits import limits
from app.web.page import page
from app.web.page_route import page_router

router = page_router()


@router.get("/models", dependencies=[READ])
def show_models(request: Request, database: DatabaseDep) -> HTMLResponse:
    """The names that the caller sees, with the runs that they point at."""
    with database.read() as db:
        current = models.current(db)
        names = runs.names(db, _runs_of(current))
    return page(
        request,
        "models.html",
        models=current,
        names=names,
        call={"method": "GET", "path": "/models", "cli": "antigrad models list"},
    )


def _runs_of(versions: list[ModelVersion]) -> set[str]:
    """The runs that these versions mention."""
    shadows = {version.shadow["run"] for version in versions if version.shadow}
    return shadows.union(*(version.shares for version in versions))


@router.get("/models/{name}", dependencies=[READ])
def show_model(request: Request, name: ModelName, database: DatabaseDep, owner: OwnerFilter = None) -> HTMLResponse:
    """A name with its history; with a shadow, how often both agree."""
    with database.read() as db:
        versions = models.history(db, name, owner)
        newest = versions[0]
        report = None
        if newest.shadow is not None:
            tally, differences = shadows.tally_of(db, newest), shadows.differences(db, newest)
            report = shadow_report(newest, newest.shadow, tally, differences)
        names = runs.names(db, _runs_of(versions))
    return page(
        request,
        "model.html",
        model=model_answer(versions),
        newest=newest,
        versions=versions,
        names=names,
        shadow=report,
        limits=partial(limits, PointRequest),
        call={"method": "GET", "path": f"/models/{name}", "cli": f"antigrad models history {name}"},
    )
