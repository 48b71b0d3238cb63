"""A new sweep: a form with a space that is suggested from runs, or for a dataset, and sent as POST /sweeps."""

import json
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Annotated, Any

from fastapi import Query, Request
from fastapi.responses import HTMLResponse
from sqlalchemy.orm import Session

from app.api.deps import SLOW, DatabaseDep, FilesDep
from app.api.scopes import TRAIN
from app.constants import TASK_METRICS
from app.runs.comparison import layers_in_short
from app.runs.resolution import folder_of
from app.runs.sweeps.requests import SweepRequest
from app.runs.sweeps.suggestion import Suggestion, of_dataset, of_runs
from app.storage import datasets, runs
from app.storage.tables import Dataset
from app.web.limits import limits
from app.web.page import page
from app.web.page_route import page_router

router = page_router()

LISTED = 200  # datasets to choose from
USUAL = "digits"  # the smallest one that comes with the service
DRAWN = ("random", "tpe")  # samplers that take ranges


@router.get("/sweeps/new", dependencies=[TRAIN, SLOW])
def show_new_sweep(
    request: Request,
    database: DatabaseDep,
    files: FilesDep,
    ids: Annotated[str, Query(alias="runs", max_length=2000)] = "",
    dataset: Annotated[str | None, Query(max_length=200)] = None,
) -> HTMLResponse:
    """The form. With `runs`, ids joined by commas, it begins with what they differ in, else with a learning rate.

    Raises NotFound, Conflict, and what a sweep on these runs is refused for."""
    wanted = list(dict.fromkeys(filter(None, ids.split(","))))
    with database.read() as db:
        rows = [runs.get(db, id) for id in wanted]
        ready = [] if rows else sorted(datasets.ready(db, LISTED), key=lambda each: each.name.lower())
        chosen = datasets.get(db, rows[0].request["dataset"]) if rows else _chosen(db, dataset, ready)
    task = chosen.about["task"]
    suggestion = of_runs(database, files, rows) if rows else of_dataset(chosen.id, task)
    return page(
        request,
        "new_sweep.html",
        datasets=ready,
        chosen=chosen,
        runs=wanted,
        suggestion=suggestion,
        labels={name: _labels(_choices(entry)) for name, entry in suggestion.space.items()},
        metrics=[f"validation.{name}" for name in TASK_METRICS[task]],
        samplers=DRAWN,
        limits=partial(limits, SweepRequest),
        base=json.dumps(suggestion.request["base"], indent=2, ensure_ascii=False),
        data=_data(suggestion),
        call={"method": "POST", "path": "/sweeps", "body": suggestion.request, "cli": None},
    )


def _chosen(db: Session, wanted: str | None, ready: Sequence[Dataset]) -> Dataset:
    """The dataset with this id or name; without one, the usual one, or else the first. Raises NotFound, Conflict."""
    if wanted is None and ready and not any(each.name == USUAL for each in ready):
        return ready[0]
    dataset = datasets.get(db, wanted or USUAL)
    folder_of(dataset)
    return dataset


def _data(suggestion: Suggestion) -> dict[str, Any]:
    return {"base": suggestion.request["base"], "space": suggestion.space}


def _choices(entry: Any) -> Sequence[Any]:
    """The values of a parameter; none of a range."""
    return entry if isinstance(entry, list) else entry.get("together", ())


def _labels(values: Sequence[Any]) -> list[str]:
    """Short texts of values: of objects, what tells them apart."""
    if not values or not all(isinstance(value, Mapping) for value in values):
        return [_label(value) for value in values]
    names = dict.fromkeys(name for value in values for name in value)
    unlike = [name for name in names if len({json.dumps(value.get(name, "")) for value in values}) > 1]
    kinds = [value.get("name") for value in values]
    shown = ["name"] if "name" in unlike and len(set(kinds)) == len(kinds) else unlike or list(names)
    return [_label({name: value[name] for name in shown if name in value}) for value in values]


def _label(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, Mapping):
        if "layers" in value:
            return layers_in_short(value["layers"])
        parts = ((name, _label(inner)) for name, inner in value.items() if inner is not None)
        return ", ".join(text if name == "name" else f"{name} {text}" for name, text in parts) or "–"
    if isinstance(value, list) and value and all(isinstance(item, Mapping) and "type" in item for item in value):
        return layers_in_short(value)
    return value if isinstance(value, str) else json.dumps(value)
