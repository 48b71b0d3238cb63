"""Races: one run for each of several optimizers, with the same network, initial weights and batches."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from fastapi import APIRouter, Response
from sqlalchemy.orm import Session

from app.api.deps import SLOW, DatabaseDep, FilesDep, Key
from app.api.group_curves import OneAxis, OneSeries, group_picture
from app.api.problems import binary, problems
from app.api.schemas.race import MOST, RaceAnswer, RaceRequest
from app.api.schemas.runs import run_answer
from app.constants import RESERVED_TAGS
from app.datasets.errors import SplitImpossible
from app.errors import Conflict, Invalid, Malformed, NotFound, below
from app.learning.errors import InvalidChoice
from app.plots.curves import Format, optimizer_labels
from app.runs.groups import GroupKind, members, submit_group
from app.runs.requests import RunRequest
from app.runs.submission import NewRun, fingerprint
from app.runs.views import RunView, views
from app.storage.tables import Run

router = APIRouter(prefix="/optimizers/race", tags=["optimizers"], responses=problems(Invalid))

RACE = GroupKind(f"{RESERVED_TAGS}race", "race", MOST)
LANE = f"{RESERVED_TAGS}lane"  # the tag with the number of the optimizer, counted from 1


@router.post("", summary="Train the same network with several optimizers", status_code=202,
             responses=problems(NotFound, Malformed, Conflict))  # fmt: skip
def race(body: RaceRequest, database: DatabaseDep, files: FilesDep, response: Response, key: Key = None) -> RaceAnswer:
    """All runs have the same seed, so the same initial weights and batches. Either all runs are queued or none."""
    lanes = [_lane(body.run, number, optimizer) for number, optimizer in enumerate(body.optimizers, start=1)]
    with _below_run():
        group = submit_group(database, files, RACE, lanes, key, fingerprint(body))
    if not group.is_new:
        response.status_code = 200
    return _answer(group.id, group.members)


@router.get("/{id}", summary="Get the runs of a race", responses=problems(NotFound))
def get_race(id: str, database: DatabaseDep) -> RaceAnswer:
    with database.read() as db:
        return _answer(id, views(db, _runs(db, id)))


@router.get("/{id}/curve.{format}", summary="Draw the curves of a race", response_class=Response,
            responses=binary("image/png", "image/svg+xml") | problems(NotFound, Conflict),
            dependencies=[SLOW])  # fmt: skip
def race_curve(
    id: str, format: Format, database: DatabaseDep, series: OneSeries = "train.loss", axis: OneAxis = "step"
) -> Response:
    with database.read() as db:
        runs = _runs(db, id)
    labels = optimizer_labels([run.request["optimizer"] for run in runs])
    named = {f"{run.tags[LANE]}: {label}": run for run, label in zip(runs, labels, strict=True)}
    return group_picture(database, named, series, axis, format)


@contextmanager
def _below_run() -> Iterator[None]:
    """Point errors to the field `run` of the body, which contains the request that was refused."""
    try:
        yield
    except (Invalid, InvalidChoice) as error:
        raise below("/run", error) from error
    except SplitImpossible as error:
        raise below("/run/split", error) from error


def _lane(run: RunRequest, number: int, optimizer: Any) -> NewRun:
    tags = run.tags | {LANE: str(number)}
    changes = {"optimizer": optimizer, "tags": tags, "name": run.name or optimizer.name}
    return NewRun(run.model_copy(update=changes))


def _runs(db: Session, id: str) -> list[Run]:
    """The race's runs in the order of the optimizers, without deleted ones. Raises NotFound."""
    lanes = members(db, RACE, id)
    if not lanes:
        raise NotFound("no_such_race", race=id)
    return sorted(lanes, key=lambda run: int(run.tags[LANE]))


def _answer(id: str, lanes: Sequence[RunView]) -> RaceAnswer:
    ordered = sorted(lanes, key=lambda lane: int(lane.run.tags[LANE]))
    links = {"curve": f"/optimizers/race/{id}/curve.png"}
    return RaceAnswer(id=id, runs=[run_answer(lane) for lane in ordered], links=links)
