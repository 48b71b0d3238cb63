"""Runs as a table: columns with the type of their values, and a run as a row of them."""

from collections.abc import Iterator
from typing import Any, Literal

from app.runs.views import status_of
from app.storage.measured import MEASURED, PARTS
from app.storage.tables import Run

# A time is in seconds since 1970. A real number that is not finite is "NaN", "Infinity" or "-Infinity".
Kind = Literal["text", "count", "real", "time", "json"]

RESULTS = [(part, metric) for part in PARTS for metric in MEASURED]
# What a spreadsheet has room for.
COLUMNS: dict[str, Kind] = {
    **dict.fromkeys(("run", "name", "status", "stop_reason", "dataset", "task"), "text"),
    **dict.fromkeys(("created_at", "started_at", "finished_at"), "time"),
    "seconds": "real",
    "epochs": "count",
    "steps": "count",
    "optimizer": "text",
    "lr": "real",
    "batch_size": "count",  # or "full"
    "seed": "count",
    **{f"{part}.{metric}": "real" for part, metric in RESULTS},
    "bytes": "count",
    "tags": "json",
}
# All else that a program may want to know.
FURTHER: dict[str, Kind] = {
    **dict.fromkeys(("owner", "dataset_id", "device", "worker"), "text"),
    "attempt": "count",
    "priority": "count",
    **dict.fromkeys(("request", "environment", "error"), "json"),
}


def row(run: Run, now: float) -> Iterator[Any]:
    """The values of COLUMNS."""
    request, progress = run.request, run.progress
    optimizer = request.get("optimizer", {})
    yield from (run.id, run.name, status_of(run, now), run.stop_reason)
    yield from (run.environment.get("dataset_name", run.dataset), run.task)
    yield from (run.created_at, run.started_at, run.finished_at)
    yield from (progress.get("seconds"), progress.get("epoch"), progress.get("step"))
    yield from (optimizer.get("name"), optimizer.get("lr"), request.get("batch_size"), request.get("seed"))
    yield from ((run.metrics.get(part) or {}).get(metric) for part, metric in RESULTS)
    yield from (run.bytes, run.tags)


def further(run: Run) -> Iterator[Any]:
    """The values of FURTHER."""
    yield from (run.owner or None, run.dataset, run.device, run.worker)
    yield from (run.attempt, run.priority)
    yield from (run.request, run.environment, run.error)
