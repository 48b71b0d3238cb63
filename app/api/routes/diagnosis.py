"""A run seen from within: what was sampled in its layers, and what that says in words."""

import math
from typing import Any

from fastapi import APIRouter

from app.api.deps import DatabaseDep, RunDep
from app.api.problems import problems
from app.api.routes.curves import as_json
from app.api.schemas.results import DiagnosisAnswer, DiagnosticsAnswer, FindingAnswer, LayerDiagnostics, Points
from app.errors import Invalid, NotFound
from app.insight.analysis.diagnostics import INPUT
from app.insight.diagnosis import diagnose
from app.insight.diagnosis.facts import Curve, Facts, LayerSeen
from app.learning.layers import LAYERS
from app.storage import curves, datasets
from app.storage.curves import Series
from app.storage.database import Database
from app.storage.jsonable import jsonable
from app.storage.tables import Run

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
                **place(run.request, name),
                measures={measure: Points.model_validate(as_json(points)) for measure, points in measures.items()},
            )
            for name, measures in layers.items()
        ],
    )


@router.get("/diagnosis", summary="The run in words: what went wrong, how one sees it, one change to try")
def diagnosis(run: RunDep, database: DatabaseDep) -> DiagnosisAnswer:
    """What is sure, worst first. Most is known when the run has ended. A running one is told what lies in its data."""
    return DiagnosisAnswer(
        [
            FindingAnswer(
                code=found.code,
                severity=found.severity,
                finding=found.finding,
                evidence=jsonable(dict(found.evidence)),
                **{"try": found.change.replace("{id}", run.id)},
            )
            for found in diagnose(facts_of(run, database))
        ]
    )


POINTS = 2000  # of each series: a rule looks at the whole run, and not at each step


def by_layer(sampled: dict[str, Series]) -> dict[str, dict[str, Series]]:
    """Every layer's measures, the layers in their order."""
    layers: dict[str, dict[str, Series]] = {}
    for series, points in sampled.items():
        name, _, measure = series.removeprefix(curves.DIAGNOSTICS).rpartition(".")
        layers.setdefault(name, {})[measure] = points
    return {name: layers[name] for name in sorted(layers, key=in_order)}


def as_curve(points: Series) -> Curve:
    return Curve(points.steps.tolist(), points.values.tolist())


def in_order(name: str) -> list[int]:
    """The input, and then the layers as they lie in the network."""
    return [] if name == INPUT else [int(number) for number in name.split(".")]


def place(request: dict[str, Any], name: str) -> dict[str, Any]:
    """Where a layer stands in the request, its type and its fields: the way back from its name."""
    if name == INPUT:
        return {"pointer": "", "type": INPUT, "fields": {}}
    layer, pointer = request["model"], "/model"
    path = iter(name.split("."))
    for index in path:
        layer, pointer = layer["layers"][int(index)], f"{pointer}/layers/{index}"
        if LAYERS[layer["type"]].nesting == "sequence":
            next(path)  # which repetition it is
    return {"pointer": pointer, "type": layer["type"], "fields": layer}


def facts_of(run: Run, database: Database) -> Facts:
    """All that a diagnosis goes by."""
    with database.read() as db:
        layers = by_layer(curves.diagnostics(db, run.id))
        names = list(curves.last_steps(db, run.id))
        about = datasets.get(db, run.dataset).about
    seen = [
        LayerSeen(
            name=name,
            **place(run.request, name),
            measures={measure: as_curve(points) for measure, points in measures.items()},
        )
        for name, measures in layers.items()
    ]
    return Facts(
        request=run.request,
        status=run.status,
        stop_reason=run.stop_reason,
        curves={name: as_curve(curves.thinned(database, run.id, name, POINTS)) for name in names},
        metrics=run.metrics,
        evaluation=run.evaluation or {},
        layers=[layer for layer in seen if layer.name != INPUT],
        input=next((layer for layer in seen if layer.name == INPUT), None),
        counts=[known["count"] for known in about["classes"]],
        seconds=run.progress.get("seconds", math.nan),
    )
