"""Comparison of runs: the fields in which their requests differ, and their metrics against those of one of them."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy.orm import Session

from app.errors import Invalid
from app.storage import runs
from app.storage.tables import Run

MOST = 20  # runs whose curves can still be told apart
UNLIKE = ("name", "priority")  # fields that change nothing about the training
BEST_HIGH = ("accuracy", "r2")
METRICS = {
    "classification": ("test.accuracy", "validation.accuracy", "validation.loss", "train.loss"),
    "regression": ("test.r2", "validation.r2", "validation.loss", "train.loss"),
}


@dataclass(frozen=True)
class Measured:
    """A metric of a run and its difference from the baseline's; None where either is unknown.

    is_better: None if there is no difference.
    """

    value: float | str | None
    delta: float | None
    is_better: bool | None


@dataclass(frozen=True)
class Compared:
    """A run with the fields in which it may differ, and its metrics by name."""

    run: Run
    fields: Mapping[str, Any]
    metrics: Mapping[str, Measured]


def chosen(db: Session, ids: str) -> list[Run]:
    """The runs with these ids, which commas separate. Raises Invalid for too many, and NotFound."""
    wanted = list(dict.fromkeys(filter(None, ids.split(","))))
    if len(wanted) > MOST:
        raise Invalid("too_many_to_compare", "runs", count=len(wanted), limit=MOST)
    return [runs.get(db, id) for id in wanted]


def compare(runs: Sequence[Run], baseline: Run) -> list[Compared]:
    """The runs with the fields that are not the same in all of them.

    A field that only some runs have is left out: it follows from another one, as the betas do from the optimizer.
    """
    flat = [dict(_flat({name: value for name, value in run.request.items() if name not in UNLIKE})) for run in runs]
    common = [name for name in flat[0] if all(name in fields for fields in flat)]
    unlike = [name for name in common if len({json.dumps(fields[name]) for fields in flat}) > 1]
    metrics = list(dict.fromkeys(name for run in runs for name in METRICS[run.task] if _metric(run, name) is not None))
    return [
        Compared(
            run,
            {name: fields[name] for name in unlike},
            {name: _measured(name, run, baseline) for name in metrics},
        )
        for run, fields in zip(runs, flat, strict=True)
    ]


def _flat(request: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    """Paths and values of a request, such as `optimizer.lr`. Layers are one value."""
    for name, value in request.items():
        path = f"{above}{name}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{path}.")
        elif path == "model.layers":
            yield "layers", layers_in_short(value)
        else:
            yield path, value


def layers_in_short(layers: Sequence[Mapping[str, Any]]) -> str:
    """A network in a line, such as `linear 256 → relu → linear 10`."""
    return " → ".join(" ".join(map(str, filter(None, (layer["type"], _size(layer))))) for layer in layers)


def _size(layer: Mapping[str, Any]) -> Any:
    return next((layer[name] for name in ("units", "channels", "p", "repeat") if name in layer), None)


def _measured(name: str, run: Run, baseline: Run) -> Measured:
    value, base = _metric(run, name), _metric(baseline, name)
    if run is baseline or not isinstance(value, float) or not isinstance(base, float):
        return Measured(value, None, None)
    delta = value - base
    higher = name.rpartition(".")[2] in BEST_HIGH
    return Measured(value, delta, None if delta == 0 else (delta > 0) == higher)


def _metric(run: Run, name: str) -> float | str | None:
    """A metric; a text, such as NaN, if it is not finite."""
    part, _, metric = name.partition(".")
    value = (run.metrics.get(part) or {}).get(metric)
    return float(value) if isinstance(value, int) else value
