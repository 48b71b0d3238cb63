"""Sweeps: the list, and one with its ranking, its parallel axes and the importance of its parameters."""

from dataclasses import dataclass
from typing import Any

from fastapi import Request
from fastapi.responses import HTMLResponse

from app.api.deps import Cursor, DatabaseDep
from app.api.scopes import READ
from app.runs.sweeps.ranking import Ranked
from app.runs.sweeps.suggestion import of_dataset
from app.runs.sweeps.views import SweepView, sweep_view
from app.storage import sweeps
from app.web.chart_view import CHART_VIEW
from app.web.page import page
from app.web.page_route import page_router

router = page_router()

SHOWN = 50  # sweeps of a page
COMPARED = 20  # runs that the page of comparisons takes
LISTING = {"method": "GET", "path": "/sweeps", "cli": "antigrad sweeps"}
FIRST_SWEEP = {  # what one may start where there is none yet
    "method": "POST",
    "path": "/sweeps",
    "body": of_dataset("digits", "classification").request,
    "cli": "antigrad sweep digits --epochs 5 --random optimizer.lr=0.0001..0.1:log --trials 20",
}


@dataclass(frozen=True)
class TrialRow:
    """A trial of the table. `places` are its seeds' values between 0, the worst of all, and 1; `band` is its mean and
    spread there."""

    ranked: Ranked
    run: str | None
    places: list[float]
    band: tuple[float, float] | None


@router.get("/sweeps", dependencies=[READ])
def show_sweeps(request: Request, database: DatabaseDep, cursor: Cursor = None) -> HTMLResponse:
    """The sweeps, newest first."""
    with database.read() as db:
        found = sweeps.page(db, SHOWN, cursor)
        begun = sweeps.count_trials(db, [sweep.id for sweep in found.items])
    return page(
        request,
        "sweeps.html",
        sweeps=found.items,
        next=found.next,
        begun=begun,
        call=LISTING if found.items or cursor else FIRST_SWEEP,
    )


@router.get("/sweeps/{id}", dependencies=[READ, CHART_VIEW])
def show_sweep(request: Request, id: str, database: DatabaseDep) -> HTMLResponse:
    """A sweep with its trials, best first. Raises NotFound."""
    with database.read() as db:
        view = sweep_view(db, id)
    rows = _rows(view)
    names = list(dict.fromkeys(name for row in rows for name in row.ranked.trial.params))
    top = [run.id for row in rows if row.ranked.is_top for run in row.ranked.trial.runs if run.is_there]
    return page(
        request,
        "sweep.html",
        view=view,
        rows=rows,
        names=names,
        ended=sum(row.ranked.trial.status not in ("running", "waiting") for row in rows),
        compared=",".join(top[:COMPARED]),
        data={
            "sweep": id,
            "names": [*names, view.definition.metric],
            "trials": [_data(names, view.definition.metric, row) for row in rows if row.run],
        },
        call={"method": "GET", "path": f"/sweeps/{id}", "cli": f"antigrad sweeps show {id}"},
    )


def _rows(view: SweepView) -> list[TrialRow]:
    """The rows of the table, with values on one scale for all trials that have trained to their end."""
    ends = [value for one in view.ranked for value in one.trial.ends]
    low, high = min(ends, default=0.0), max(ends, default=1.0)
    span = (high - low) or 1.0
    return [_row(one, low, span) for one in view.ranked]


def _row(one: Ranked, low: float, span: float) -> TrialRow:
    run = next((run.id for run in one.trial.runs if run.is_there), None)
    places = [(value - low) / span for value in one.trial.ends]
    band = None
    if one.rung is None and one.mean is not None and one.spread is not None:
        band = (max(0.0, (one.mean - one.spread - low) / span), min(1.0, (one.mean + one.spread - low) / span))
    return TrialRow(one, run, places, band)


def _data(names: list[str], metric: str, row: TrialRow) -> dict[str, Any]:
    """A trial as the scripts draw it; a run of it gives the colour."""
    trial = row.ranked.trial
    return {
        "id": row.run,
        "name": str(trial.number),
        "fields": {name: trial.params.get(name) for name in names},
        "metrics": {metric: row.ranked.mean},
    }
