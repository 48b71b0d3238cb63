"""Races: one run for each of several optimizers, with the same network, initial weights and batches."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import Path, Response

from app.api.addresses import address
from app.api.deps import SLOW, DatabaseDep, FilesDep, FormatDep, Key
from app.api.group_curves import OneAxis, OneSeries, group_picture
from app.api.problems import binary, problems
from app.api.router import Router
from app.api.schemas.race import RaceAnswer, RaceRequest
from app.api.schemas.runs import run_answer
from app.api.scopes import READ, TRAIN
from app.datasets.errors import SplitImpossible
from app.errors import Conflict, Invalid, Malformed, NotFound, below
from app.learning.errors import InvalidChoice
from app.plots.curves import optimizer_labels
from app.runs.groups import submit_group
from app.runs.races import LANE, RACE, runs_of_race
from app.runs.requests import RunRequest
from app.runs.submission import NewRun, fingerprint
from app.runs.views import RunView, views

router = Router(prefix="/optimizers/race", tags=["optimizers"], responses=problems(Invalid))

RaceId = Annotated[str, Path(description="a race's id", examples=["race_01k9zj4c2m8s0q1v5w7x3y6t4a"])]

SENT_AGAIN: dict[int | str, dict[str, Any]] = {
    200: {"model": RaceAnswer, "description": "Started earlier with this Idempotency-Key"}
}


@router.post("", summary="Train the same network with several optimizers", status_code=202,
             responses=problems(NotFound, Malformed, Conflict) | SENT_AGAIN, dependencies=[TRAIN])  # fmt: skip
def start_race(
    body: RaceRequest, database: DatabaseDep, files: FilesDep, response: Response, key: Key = None
) -> RaceAnswer:
    """All runs have the same seed, so the same initial weights and batches. Either all runs are queued or none."""
    lanes = [_lane(body.run, number, optimizer) for number, optimizer in enumerate(body.optimizers, start=1)]
    with _below_run():
        group = submit_group(database, files, RACE, lanes, key, fingerprint(body))
    if not group.is_new:
        response.status_code = 200
    return _answer(group.id, group.members)


@router.get("/{id}", summary="Get the runs of a race", responses=problems(NotFound), dependencies=[READ])
def get_race(id: RaceId, database: DatabaseDep) -> RaceAnswer:
    """The runs as they are now; poll until all have ended."""
    with database.read() as db:
        return _answer(id, views(db, runs_of_race(db, id)))


@router.get("/{id}/curve.{format}", summary="Draw the curves of a race", response_class=Response,
            responses=binary("image/png", "image/svg+xml") | problems(NotFound, Conflict),
            dependencies=[READ, SLOW])  # fmt: skip
def draw_race(
    id: RaceId, format: FormatDep, database: DatabaseDep, series: OneSeries = "train.loss", axis: OneAxis = "step"
) -> Response:
    """One series of all runs in one picture."""
    with database.read() as db:
        runs = runs_of_race(db, id)
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


def _answer(id: str, lanes: Sequence[RunView]) -> RaceAnswer:
    ordered = sorted(lanes, key=lambda lane: int(lane.run.tags[LANE]))
    links = {"curve": address(f"/optimizers/race/{id}/curve.png")}
    return RaceAnswer(id=id, runs=[run_answer(lane) for lane in ordered], links=links)
