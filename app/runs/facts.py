"""Facts about a run that a diagnosis and an experiment's observation are based on."""

import math
from functools import lru_cache
from math import prod
from typing import Any

from app.datasets.arrays import Arrays
from app.datasets.duplicates import Copies, copies
from app.datasets.splits import SplitSpec, stored_split
from app.insight.analysis.diagnostics import INPUT
from app.insight.diagnosis.facts import Curve, Facts, LayerSeen
from app.learning.layers import LAYERS
from app.storage import curves, datasets, pyramid
from app.storage.database import Database
from app.storage.files import Files
from app.storage.series import Series
from app.storage.tables import Dataset, Run

POINTS = 2000  # of each series; a rule looks at the whole run rather than at each step
MOST = 2**27  # numbers in which copies are looked for, about a second of work


def facts_of(run: Run, database: Database, files: Files | None = None) -> Facts:
    """Everything known about a run: request, curves, metrics, evaluation and sampled diagnostics; with `files`, also
    what its data show."""
    with database.read() as db:
        layers = by_layer(curves.diagnostics(db, run.id))
        names = list(curves.last_steps(db, run.id))
        dataset = datasets.get(db, run.dataset)
    about = dataset.about
    sampled = [
        LayerSeen(
            name=name,
            **place_in_request(run.request, name),
            measures={measure: _as_curve(points) for measure, points in measures.items()},
        )
        for name, measures in layers.items()
    ]
    return Facts(
        run=run.id,
        request=run.request,
        status=run.status,
        stop_reason=run.stop_reason,
        curves={name: _as_curve(pyramid.thinned(database, run.id, name, POINTS)) for name in names},
        metrics=run.metrics,
        evaluation=run.evaluation or {},
        layers=[layer for layer in sampled if layer.name != INPUT],
        input=next((layer for layer in sampled if layer.name == INPUT), None),
        counts=[known["count"] for known in about["classes"]],
        seconds=run.progress.get("seconds", math.nan),
        copies=_copies(files, dataset, run) if files is not None else None,
    )


def _copies(files: Files, dataset: Dataset, run: Run) -> Copies | None:
    """Exact copies across the run's parts; None before its end, and for data that are large or gone."""
    numbers = prod(dataset.about["shape"]) * dataset.about["examples"]
    if run.stop_reason is None or dataset.folder is None or numbers > MOST:
        return None
    try:
        return _counted(files, dataset.folder, SplitSpec.of(run.request["split"]))
    except FileNotFoundError:
        return None


@lru_cache(1000)  # a diagnosis is asked for again and again; a dataset never changes
def _counted(files: Files, folder: str, wanted: SplitSpec) -> Copies:
    arrays = Arrays.load(files, folder)
    return copies(arrays, stored_split(files, folder, arrays, wanted))


def by_layer(sampled: dict[str, Series]) -> dict[str, dict[str, Series]]:
    """Sampled diagnostics grouped by layer, then by measure; layers in the order of the network, the input first."""
    layers: dict[str, dict[str, Series]] = {}
    for series, points in sampled.items():
        name, _, measure = series.removeprefix(curves.DIAGNOSTICS).rpartition(".")
        layers.setdefault(name, {})[measure] = points
    return {name: layers[name] for name in sorted(layers, key=_position)}


def place_in_request(request: dict[str, Any], name: str) -> dict[str, Any]:
    """The JSON pointer, type and fields of a layer in a request, by the layer's name in diagnostics (such as "2.0")."""
    if name == INPUT:
        return {"pointer": "", "type": INPUT, "fields": {}}
    layer, pointer = request["model"], "/model"
    path = iter(name.split("."))
    for index in path:
        layer, pointer = layer["layers"][int(index)], f"{pointer}/layers/{index}"
        if LAYERS[layer["type"]].nesting == "sequence":
            next(path)  # the number of the repetition
    return {"pointer": pointer, "type": layer["type"], "fields": layer}


def _position(name: str) -> list[int]:
    """A sort key: the input, then the layers in the order of the network."""
    return [] if name == INPUT else [int(number) for number in name.split(".")]


def _as_curve(points: Series) -> Curve:
    return Curve(points.steps.tolist(), points.values.tolist())
