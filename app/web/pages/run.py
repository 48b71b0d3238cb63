"""The page of one run: watch it learn, see what it has learnt and where it is wrong, and go on from there."""

import json
from typing import Any

from fastapi import Request, Response

from app.api.deps import DatabaseDep, FilesDep, RunDep
from app.api.schemas.diagnosis import finding_answer
from app.api.schemas.runs import run_answer
from app.api.schemas.timeline import timeline
from app.api.scopes import READ
from app.insight.diagnosis import diagnose
from app.learning.layers.serialization import layers_from_json
from app.runs.comparison import layers_in_short
from app.runs.facts import facts_of
from app.runs.views import view
from app.storage import datasets, models, runs
from app.web.chart_view import CHART_VIEW
from app.web.page import page
from app.web.page_route import page_router

router = page_router()


@router.get("/runs/{id}", dependencies=[READ, CHART_VIEW])
def show_run(request: Request, run: RunDep, database: DatabaseDep) -> Response:
    """The run as it is now. The scripts of the page follow it from here."""
    with database.read() as db:
        seen = view(db, runs.get(db, run.id))
        dataset = datasets.get(db, run.dataset)
        checkpoints = runs.checkpoints(db, run.id)
        happened = timeline(seen.run, runs.events(db, run.id))
        own_models = [version.model for version in models.current(db, request.state.caller.owner)]
    is_of_pictures = len(dataset.about["shape"]) == 3
    return page(
        request,
        "run.html",
        run=run_answer(seen),
        dataset=dataset,
        is_of_pictures=is_of_pictures,
        checkpoints=checkpoints,
        timeline=happened.items,
        own_models=own_models,
        evaluated=[part for part in ("test", "validation", "train") if part in (run.evaluation or {})],
        has_filters=is_of_pictures and sees_pixels(run.request["model"]["layers"]),
        network=layers_in_short(run.request["model"]["layers"]),
        request_json=json.dumps(run.request, indent=2, ensure_ascii=False),
    )


@router.get("/runs/{id}/diagnosis", dependencies=[READ])
def show_diagnosis(request: Request, run: RunDep, database: DatabaseDep, files: FilesDep) -> Response:
    """The findings about the run, which its page takes in once the curves are drawn."""
    findings = diagnose(facts_of(run, database, files))
    return page(request, "diagnosis.html", findings=[finding_answer(finding) for finding in findings])


def sees_pixels(layers: list[dict[str, Any]]) -> bool:
    """True if the first layer with weights sees the pixels themselves, so that its weights are pictures."""
    roles = [layer.role for layer in layers_from_json(layers) if layer.role != "reshaping"]
    return roles[:1] == ["linear map"]
