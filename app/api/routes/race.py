"""Optimizers side by side on a network and data of one's own: one start, the same batches, a run for each."""

from collections.abc import Iterator
from contextlib import contextmanager

from fastapi import APIRouter, Response
from sqlalchemy.orm import Session

from app.api.deps import DatabaseDep, FilesDep
from app.api.problems import binary, problems
from app.api.routes.runs import Key, create_together, described_all, digest_of
from app.api.schemas.race import MOST, RaceAnswer, RaceRequest
from app.api.schemas.runs import RunAnswer
from app.constants import RESERVED_TAGS
from app.errors import Conflict, FieldError, Invalid, Malformed, NotFound
from app.learning.errors import InvalidChoice
from app.plots.curves import Format, optimizer_labels
from app.runs.groups import OneAxis, OneSeries, curves_of, id_made_by, runs_of_group
from app.storage import idempotency
from app.storage.ids import new_id
from app.storage.tables import Run

router = APIRouter(prefix="/optimizers/race", tags=["optimizers"], responses=problems(Invalid))

RACE, LANE = f"{RESERVED_TAGS}race", f"{RESERVED_TAGS}lane"  # the tags of its runs


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
