"""A run seen from within: what was sampled in its layers."""

from typing import Any

from fastapi import APIRouter

from app.api.curves import as_json
from app.api.deps import DatabaseDep, RunDep
from app.api.problems import problems
from app.api.results import DiagnosticsAnswer, LayerDiagnostics, Points
from app.errors import NotFound
from app.learning.insight.diagnostics import INPUT
from app.storage import curves

router = APIRouter(prefix="/runs/{id}", tags=["diagnosis"], responses=problems(NotFound))


@router.get("/diagnostics", summary="Gradients, weights, updates, dead and saturated units, by layer over time")
def diagnostics(run: RunDep, database: DatabaseDep) -> DiagnosticsAnswer:
    """Sampled over up to 256 training examples after steps 1, 2, 4, 8… and then regularly, as far as a hundredth of the
    run's time allows, and after the last step. Empty before the first sample."""
    with database.read() as db:
        found = curves.diagnostics(db, run.id)
    layers: dict[str, dict[str, Points]] = {}
    for series, points in found.items():
        name, _, measure = series.removeprefix(curves.DIAGNOSTICS).rpartition(".")
        layers.setdefault(name, {})[measure] = Points.model_validate(as_json(points))
    return DiagnosticsAnswer(
        run=run.id,
        layers=[
            LayerDiagnostics(layer=name, **place(run.request, name), measures=layers[name])
            for name in sorted(layers, key=in_order)
        ],
    )


def in_order(name: str) -> list[int]:
    """The input, and then the layers as they lie in the network."""
    return [] if name == INPUT else [int(number) for number in name.split(".")]


def place(request: dict[str, Any], name: str) -> dict[str, str]:
    """Where a layer stands in the request, and its type: the way back from its name."""
    if name == INPUT:
        return {"pointer": "", "type": INPUT}
    layer, pointer = request["model"], "/model"
    numbers = iter(name.split("."))
    for number in numbers:
        layer, pointer = layer["layers"][int(number)], f"{pointer}/layers/{number}"
        if layer["type"] == "block":
            next(numbers)  # which repetition it is
    return {"pointer": pointer, "type": layer["type"]}
