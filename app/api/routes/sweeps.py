"""Sweeps: many runs as one job, ranked."""

from typing import Annotated, Any

from fastapi import Path, Response

from app.api.addresses import address
from app.api.caching import UNCHANGED, IfNoneMatch, etag_of, knows, unchanged
from app.api.deps import SLOW, Cursor, DatabaseDep, FilesDep, Key, Limit, accepted, repeated
from app.api.problems import problems
from app.api.router import Router
from app.api.schemas.models import ModelAnswer, model_answer
from app.api.schemas.sweeps import (
    ImportanceAnswer,
    PromoteSweepRequest,
    SweepAnswer,
    SweepPage,
    importance_answer,
    sweep_answer,
    sweep_summary,
)
from app.api.scopes import READ, TRAIN
from app.errors import Conflict, Forbidden, Invalid, Malformed, NotFound
from app.runs.sweeps import submission
from app.runs.sweeps.importance import importances
from app.runs.sweeps.requests import SweepChanges, SweepRequest
from app.runs.sweeps.views import sweep_view
from app.storage import sweeps
from app.storage.database import Database, database_now

router = Router(prefix="/sweeps", tags=["sweeps"], responses=problems(Invalid))

SweepId = Annotated[str, Path(description="a sweep's id", examples=["swp_01k9zj4c2m8s0q1v5w7x3y6t4a"])]
SENT_AGAIN: dict[int | str, dict[str, Any]] = {
    200: {"model": SweepAnswer, "description": "Created earlier with this Idempotency-Key"}
}


@router.post("", summary="Train many configurations as one job", status_code=202,
             responses=problems(NotFound, Malformed, Conflict) | SENT_AGAIN, dependencies=[TRAIN])  # fmt: skip
def create_sweep(
    body: SweepRequest, database: DatabaseDep, files: FilesDep, response: Response, key: Key = None
) -> SweepAnswer:
    """Send a run's request as `base`, and one of `grid`, `random` and `tpe`: the parameters that vary, by path.

    What can be refused is refused now. A worker queues the runs, which are ordinary runs, and ranks them by `metric`;
    poll `GET /sweeps/{id}` until its `status` is `succeeded`, `failed` or `cancelled`. A failed run fails no sweep."""
    submitted = submission.submit_sweep(database, files, body, key)
    here = address(f"/sweeps/{submitted.id}")
    accepted(response, here) if submitted.is_new else repeated(response, here)
    return _answer(database, submitted.id)


@router.get("", summary="List sweeps, newest first", dependencies=[READ])
def list_sweeps(database: DatabaseDep, limit: Limit = 50, cursor: Cursor = None) -> SweepPage:
    """Without their trials."""
    with database.read() as db:
        page = sweeps.page(db, limit, cursor)
        return SweepPage(items=[sweep_summary(sweep) for sweep in page.items], next=page.next)


@router.get("/{id}", summary="Get a sweep with its ranking", response_model=SweepAnswer,
            responses=problems(NotFound) | UNCHANGED, dependencies=[READ])  # fmt: skip
def get_sweep(id: SweepId, database: DatabaseDep, response: Response, if_none_match: IfNoneMatch = None) -> Any:
    """Trials are ranked by the metric on the validation part, as the mean over the seeds. `in_top_group` marks those
    that cannot be told apart from the best. Only the run that is chosen at the end is measured on the test part."""
    answer = _answer(database, id)
    etag = etag_of(answer.model_dump_json().encode())
    if knows(if_none_match, etag):
        return unchanged(etag)
    response.headers["ETag"] = etag
    return answer


@router.get("/{id}/importance", summary="Get the importance of a sweep's parameters",
            responses=problems(NotFound, Conflict), dependencies=[READ, SLOW])  # fmt: skip
def get_sweep_importance(id: SweepId, database: DatabaseDep) -> ImportanceAnswer:
    """The share of the differences between trials that each parameter explains by itself, by fANOVA, with an interval
    over its trees. It takes at least 8 trials with a value."""
    with database.read() as db:
        view = sweep_view(db, id)
    return importance_answer(view, importances(view.definition, [one.trial for one in view.ranked]))


@router.patch("/{id}", summary="Change a sweep", status_code=202,
              responses=problems(NotFound, Malformed, Conflict), dependencies=[TRAIN])  # fmt: skip
def change_sweep(
    id: SweepId, body: SweepChanges, database: DatabaseDep, files: FilesDep, response: Response
) -> SweepAnswer:
    """Ask for more trials, another space or sampler, or another deadline. A sweep that has ended goes on. Trials that
    were begun stay; those that the new space has too guide the sampler further."""
    submission.change_sweep(database, files, id, body)
    accepted(response, address(f"/sweeps/{id}"))
    return _answer(database, id)


@router.post("/{id}/cancel", summary="Cancel a sweep with its runs", responses=problems(NotFound, Forbidden),
             dependencies=[TRAIN])  # fmt: skip
def cancel_sweep(id: SweepId, database: DatabaseDep) -> SweepAnswer:
    """Runs that have ended stay as they are. Cancelling a sweep that has ended changes nothing."""
    with database.write() as db:
        sweeps.get_own(db, id)
        sweeps.cancel(db, id, database_now())
    return _answer(database, id)


@router.post("/{id}/promote", summary="Point a model at the best run of a sweep",
             responses=problems(NotFound, Malformed, Conflict), dependencies=[TRAIN])  # fmt: skip
def promote_sweep(id: SweepId, body: PromoteSweepRequest, database: DatabaseDep) -> ModelAnswer:
    """The best so far, or the one that was chosen at the end; as `PUT /models/{name}` with its id."""
    return model_answer(submission.promote(database, id, body.model))


@router.delete("/{id}", summary="Delete a sweep; its runs stay", status_code=204,
               responses=problems(NotFound, Forbidden, Conflict), dependencies=[TRAIN])  # fmt: skip
def delete_sweep(id: SweepId, database: DatabaseDep) -> None:
    """Refused while it runs. `DELETE /runs?sweep=` deletes its runs, before or afterwards."""
    with database.write() as db:
        sweeps.delete(db, id)


def _answer(database: Database, id: str) -> SweepAnswer:
    with database.read() as db:
        return sweep_answer(sweep_view(db, id))
