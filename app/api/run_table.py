"""A table of runs as CSV: a line a run, for spreadsheets and data frames."""

import csv
import io
import json
from collections.abc import Iterable, Iterator
from typing import Any

from app.api.schemas.times import rfc3339
from app.runs.views import status_of
from app.storage.run_order import MEASURED, PARTS
from app.storage.tables import Run

FORMULAS = ("=", "+", "-", "@", "\t", "\r")  # with which a spreadsheet begins to calculate
RESULTS = [(part, metric) for part in PARTS for metric in MEASURED]
COLUMNS = (
    *("run", "name", "status", "stop_reason", "dataset", "task", "created_at", "started_at", "finished_at"),
    *("seconds", "epochs", "steps", "optimizer", "lr", "batch_size", "seed"),
    *(f"{part}.{metric}" for part, metric in RESULTS),
    *("bytes", "tags"),
)


def table(pages: Iterable[Iterable[Run]], now: float) -> Iterator[str]:
    """The header, then the lines of each page."""
    yield _lines([COLUMNS])
    for page in pages:
        yield _lines(_row(run, now) for run in page)


def _lines(rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _row(run: Run, now: float) -> Iterator[Any]:
    request, progress = run.request, run.progress
    optimizer = request.get("optimizer", {})
    yield from (run.id, _plain(run.name), status_of(run, now), run.stop_reason)
    yield from (_plain(run.environment.get("dataset_name", run.dataset)), run.task)
    yield from (rfc3339(run.created_at), rfc3339(run.started_at), rfc3339(run.finished_at))
    yield from (progress.get("seconds"), progress.get("epoch"), progress.get("step"))
    yield from (optimizer.get("name"), optimizer.get("lr"), request.get("batch_size"), request.get("seed"))
    yield from ((run.metrics.get(part) or {}).get(metric) for part, metric in RESULTS)
    yield from (run.bytes, json.dumps(run.tags, ensure_ascii=False))


def _plain(text: str | None) -> str | None:
    """The text, after an apostrophe if a spreadsheet would take it for a formula."""
    return f"'{text}" if text and text.startswith(FORMULAS) else text
