"""A run seen from within: what was sampled in its layers, and what that says in words."""

from fastapi import APIRouter

from app.api.deps import DatabaseDep, RunDep
from app.api.problems import problems
from app.api.schemas.curves import Points, points_json
from app.api.schemas.diagnosis import DiagnosisAnswer, DiagnosticsAnswer, FindingAnswer, LayerDiagnostics
from app.api.schemas.messages import FixAnswer, MessageAnswer
from app.errors import Invalid, NotFound
from app.insight.diagnosis import diagnose
from app.runs.facts import by_layer, facts_of, place_in_request
from app.storage import curves
from app.storage.jsonable import jsonable

router = APIRouter(prefix="/runs/{id}", tags=["diagnosis"], responses=problems(NotFound, Invalid))


@router.get("/diagnostics", summary="Gradients, weights, updates, dead and saturated units, by layer over time")
def diagnostics(run: RunDep, database: DatabaseDep) -> DiagnosticsAnswer:
    """Sampled over up to 256 training examples after steps 1, 2, 4, 8… and then regularly, as far as a hundredth of the
    run's time allows, and after the last step. Empty before the first sample."""
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


@router.get("/diagnosis", summary="The run in words: what went wrong, how one sees it, one change to try")
def diagnosis(run: RunDep, database: DatabaseDep) -> DiagnosisAnswer:
    """Certain findings, worst first. Most are known when the run has ended; findings about the data come earlier."""
    return DiagnosisAnswer(
        [
            FindingAnswer(
                code=found.code,
                severity=found.severity,
                finding=found.finding,
                evidence=jsonable(dict(found.evidence)),
                change=MessageAnswer.of(found.change.message),
                fix=FixAnswer.of(found.change.fix),
                **{"try": found.change.message.text()},
            )
            for found in diagnose(facts_of(run, database))
        ]
    )
