"""A table of runs as CSV: a line a run, for spreadsheets and data frames."""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from app.api.schemas.times import rfc3339
from app.runs.table import COLUMNS, Kind, row
from app.storage.tables import Run

FORMULAS = ("=", "+", "-", "@", "\t", "\r")  # with which a spreadsheet begins to calculate


def table(pages: Iterable[Iterable[Run]], now: float) -> Iterator[str]:
    """The header, then the lines of each page."""
    yield _lines([COLUMNS])
    for page in pages:
        yield _lines(_texts(run, now) for run in page)


def _lines(rows: Iterable[Iterable[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()


def _texts(run: Run, now: float) -> Iterator[Any]:
    for value, kind in zip(row(run, now), COLUMNS.values(), strict=True):
        yield WRITTEN[kind](value) if kind in WRITTEN else value


def _plain(text: str | None) -> str | None:
    """The text, after an apostrophe if a spreadsheet would take it for a formula."""
    return f"'{text}" if text and text.startswith(FORMULAS) else text


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


WRITTEN: dict[Kind, Callable[[Any], str | None]] = {"text": _plain, "time": rfc3339, "json": _json}
