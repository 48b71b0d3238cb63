"""Optimizers side by side on a network and data of one's own: one start, the same batches, a run for each."""

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import APIRouter, Response
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.orm import Session

from app.api.deps import DatabaseDep, FilesDep
from app.api.problems import binary, problems
from app.api.routes.runs import Key, create_together, described_all, digest_of
from app.api.schemas.answers import RunAnswer
from app.constants import RESERVED_TAGS
from app.errors import Conflict, FieldError, Invalid, Malformed, NotFound
from app.learning.errors import InvalidChoice
from app.plots.curves import Format, optimizer_labels
from app.runs.groups import OneAxis, OneSeries, curves_of, id_made_by, runs_of_group
from app.runs.registry_requests import OptimizerRequest
from app.runs.request_model import RequestModel
from app.runs.requests import RunRequest
from app.storage import idempotency
from app.storage.ids import new_id
from app.storage.tables import Run

router = APIRouter(prefix="/optimizers/race", tags=["optimizers"], responses=problems(Invalid))

MOST = 8
RACE, LANE = f"{RESERVED_TAGS}race", f"{RESERVED_TAGS}lane"  # the tags of its runs


class RaceRequest(RequestModel):
    """What is trained, and by whom."""

    run: RunRequest = Field(description="as for POST /runs; each of the optimizers takes the place of its own")
    optimizers: list[OptimizerRequest] = Field(min_length=2, max_length=MOST)

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "run": {"dataset": "notmnist", "stop": {"max_epochs": 5}},
                    "optimizers": [{"name": "sgd", "lr": 0.1}, {"name": "momentum", "lr": 0.05}, {"name": "adam"}],
                }
            ]
        }
    )


class RaceAnswer(BaseModel):
    """The runs in the order of the optimizers; each is a run like any other, tagged `antigrad.race:<id>`."""

    id: str = Field(examples=["race_01k9zj4c2m8s0q1v5w7x3y6t4a"])
    runs: list[RunAnswer]
    links: dict[str, str] = Field(examples=[{"curve": "/optimizers/race/race_01k9zj4c2m8s0q1v5w7x3y6t4a/curve.png"}])


@router.post("", summary="Train the same network with several optimizers", status_code=202,
             responses=problems(NotFound, Malformed, Conflict))  # fmt: skip
def race(body: RaceRequest, database: DatabaseDep, files: FilesDep, response: Response, key: Key = None) -> RaceAnswer:
    """The seed is the same for all, and so are the weights at the start and every batch. All are queued, or none."""
    digest = digest_of(body)

    def find() -> RaceAnswer | None:
        with database.read() as db:
            id = id_made_by(db, key, digest, RACE)
            if id is None:
                return None
            response.status_code = 200
            return _found(db, id)

    def create() -> RaceAnswer:
        id = new_id("race")
        lanes = []
        for lane, optimizer in enumerate(body.optimizers, start=1):
            tags = body.run.tags | {RACE: id, LANE: str(lane)}
            changes = {"optimizer": optimizer, "tags": tags, "name": body.run.name or optimizer.name}
            lanes.append(body.run.model_copy(update=changes))
        with _below_run():
            return _answer(id, create_together(database, files, lanes, key, digest))

    return idempotency.once(find, create)


@router.get("/{id}", summary="The runs of a race", responses=problems(NotFound))
def get_race(id: str, database: DatabaseDep) -> RaceAnswer:
    with database.read() as db:
        return _found(db, id)


@router.get("/{id}/curve.{format}", summary="Their curves in one picture", response_class=Response,
            responses=binary("image/png", "image/svg+xml") | problems(NotFound, Conflict))  # fmt: skip
def race_curve(
    id: str, format: Format, database: DatabaseDep, series: OneSeries = "train.loss", axis: OneAxis = "step"
) -> Response:
    with database.read() as db:
        found = _runs(db, id)
    labels = optimizer_labels([run.request["optimizer"] for run in found])
    named = {f"{run.tags[LANE]}: {label}": run for run, label in zip(found, labels, strict=True)}
    return curves_of(database, named, series, axis, format)


@contextmanager
def _below_run() -> Iterator[None]:
    """What is refused is a field of `run`, and not of the body."""
    try:
        yield
    except Invalid as error:
        below = [FieldError(f"/run{field.pointer}", field.detail) for field in error.errors]
        raise Invalid(error.detail, below) from error
    except InvalidChoice as error:
        raise InvalidChoice(f"/run{error.pointer}", error.detail) from error


def _runs(db: Session, id: str) -> list[Run]:
    """Those that are not deleted, in the order of the optimizers. Raises NotFound."""
    found = runs_of_group(db, RACE, id, MOST)
    if not found:
        raise NotFound(f"no race has the id {id!r}")
    return sorted(found, key=lambda run: int(run.tags[LANE]))


def _found(db: Session, id: str) -> RaceAnswer:
    return _answer(id, described_all(db, _runs(db, id)))


def _answer(id: str, found: list[RunAnswer]) -> RaceAnswer:
    return RaceAnswer(id=id, runs=found, links={"curve": f"/optimizers/race/{id}/curve.png"})
