"""Diagnostics sampled in a run's layers, and the diagnosis that follows from them."""

from app.api.deps import DatabaseDep, FilesDep, RunDep
from app.api.problems import problems
from app.api.router import Router
from app.api.schemas.curves import Points, points_json
from app.api.schemas.diagnosis import DiagnosisAnswer, DiagnosticsAnswer, LayerDiagnostics, finding_answer
from app.api.scopes import READ
from app.errors import Invalid, NotFound
from app.insight.diagnosis import diagnose
from app.runs.facts import by_layer, facts_of, place_in_request
from app.storage import curves

router = Router(prefix="/runs/{id}", tags=["diagnosis"], responses=problems(NotFound, Invalid), dependencies=[READ])


@router.get("/diagnostics", summary="Get gradients, weights, updates, dead and saturated units by layer")
def get_diagnostics(run: RunDep, database: DatabaseDep) -> DiagnosticsAnswer:
    """Sampled on up to 256 training examples after steps 1, 2, 4, 8, …, then at regular intervals, and after the last
    step. Sampling takes at most 1% of the run's time. Empty before the first sample."""
    with database.read() as db:
        layers = by_layer(curves.diagnostics(db, run.id))
    return DiagnosticsAnswer(
        run=run.id,
        layers=[
            LayerDiagnostics(
                layer=name,
                **place_in_request(run.request, name),
                measures={measure: Points.model_validate(points_json(points)) for measure, points in measures.items()},
            )
            for name, measures in layers.items()
        ],
    )


@router.get("/diagnosis", summary="Explain a run: what went wrong, the evidence, one change to try")
def get_diagnosis(run: RunDep, database: DatabaseDep, files: FilesDep) -> DiagnosisAnswer:
    """Findings that are certain, worst first. Most appear after the run has ended; those about the data earlier.

    `POST /runs/{id}/again?fix=true` makes the change of the first one."""
    return DiagnosisAnswer([finding_answer(finding) for finding in diagnose(facts_of(run, database, files))])
