"""Diagnostics sampled in a run's layers, and the diagnosis that follows from them."""

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


@router.get("/diagnostics", summary="Get gradients, weights, updates, dead and saturated units by layer")
def diagnostics(run: RunDep, database: DatabaseDep) -> DiagnosticsAnswer:
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
def diagnosis(run: RunDep, database: DatabaseDep) -> DiagnosisAnswer:
    """Findings that are certain, worst first. Most appear after the run has ended; those about the data earlier."""
    return DiagnosisAnswer(
        [
            FindingAnswer(
                code=finding.code,
                severity=finding.severity,
                finding=finding.finding,
                evidence=jsonable(dict(finding.evidence)),
                change=MessageAnswer.of(finding.change.message),
                fix=FixAnswer.of(finding.change.fix),
                **{"try": finding.change.message.text()},
            )
            for finding in diagnose(facts_of(run, database))
        ]
    )
