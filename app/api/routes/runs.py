"""Training runs: queue, list, watch, cancel, pause, resume, repeat and delete."""

import asyncio
import time
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Query, Request, Response
from sqlalchemy import ColumnElement
from sqlalchemy.orm import Session

from app.api.caching import UNCHANGED, IfNoneMatch, etag_of, knows, unchanged
from app.api.deps import Cursor, DatabaseDep, FilesDep, Key, Limit, RunDep, accepted, repeated
from app.api.problems import binary, problems
from app.api.schemas.evaluation import ClassificationEvaluation, RegressionEvaluation
from app.api.schemas.runs import CancelledAnswer, CheckpointAnswer, CheckpointList, RunAnswer, RunPage, run_answer
from app.api.schemas.times import rfc3339
from app.constants import ENDED, RunStatus
from app.errors import Conflict, Invalid, Malformed, NotFound
from app.learning.data import Part
from app.runs.repetition import continue_run, repeat
from app.runs.requests import ResumeRequest, RunRequest
from app.runs.submission import Submission, submit
from app.runs.views import view, views
from app.serving.coalescing import SingleFlight
from app.storage import datasets, runs
from app.storage.database import Database, database_now
from app.storage.deletion import delete_run
from app.storage.tables import Run

router = APIRouter(prefix="/runs", tags=["runs"], responses=problems(Invalid))

SENT_AGAIN: dict[int | str, dict[str, Any]] = {
    200: {"model": RunAnswer, "description": "Created earlier with this Idempotency-Key"}
}


@router.post("", summary="Queue a training run", status_code=202,
             responses=problems(NotFound, Malformed, Conflict) | SENT_AGAIN)  # fmt: skip
def create(body: RunRequest, database: DatabaseDep, files: FilesDep, response: Response, key: Key = None) -> RunAnswer:
    return _submitted(submit(database, files, body, key), response)


def run_filter(
    database: DatabaseDep,
    tag: Annotated[
        list[Annotated[str, Query(max_length=401)]],
        Query(default_factory=list, max_length=50, description="key:value; runs must have all tags that are given"),
    ],
    status: RunStatus | None = None,
    dataset: Annotated[
        str | None, Query(max_length=200, description="a dataset's id, or its name for all versions")
    ] = None,
) -> ColumnElement[bool] | None:
    of: list[str] = []
    if dataset is not None:
        try:
            with database.read() as db:
                of = datasets.versions(db, dataset)
        except NotFound as error:  # the filter is wrong, not the address
            raise Invalid.because(error, "dataset") from error
    return None if status is dataset is None and not tag else runs.matching(database_now(), status, of, tag)


FilterDep = Annotated[ColumnElement[bool] | None, Depends(run_filter)]


@router.get("", summary="List runs, newest first")
def list_runs(database: DatabaseDep, where: FilterDep, limit: Limit = 50, cursor: Cursor = None) -> RunPage:
    with database.read() as db:
        page = runs.page(db, runs.matching(database_now()) if where is None else where, limit, cursor)
        return RunPage(items=[run_answer(run) for run in views(db, page.items)], next=page.next)


@router.post("/cancel", summary="Cancel all runs that match a filter")
def cancel_many(database: DatabaseDep, where: FilterDep) -> CancelledAnswer:
    if where is None:
        raise Invalid("filter_missing")
    with database.write() as db:
        return CancelledAnswer(cancelled=runs.cancel(db, where, database_now()))


RunQueries = SingleFlight[str, RunAnswer]


def run_queries(database: Database) -> RunQueries:
    """Coalesced queries for single runs: concurrent requests for one run share a query."""

    def find(id: str) -> RunAnswer:
        with database.read() as db:
            return _answer(db, id)

    return SingleFlight.in_threads(find)


async def run_queries_of_app(request: Request) -> RunQueries:
    queries: RunQueries = request.app.state.runs
    return queries


RunQueriesDep = Annotated[RunQueries, Depends(run_queries_of_app)]


@router.get("/{id}", summary="Get one run", response_model=RunAnswer, responses=problems(NotFound) | UNCHANGED)
async def get(
    id: str,
    look_up: RunQueriesDep,
    response: Response,
    if_none_match: IfNoneMatch = None,
    wait: Annotated[float, Query(ge=0, le=60, description="seconds to wait for a change of status")] = 0,
) -> Any:
    """Poll with `wait`, or with `If-None-Match`. A waiting client occupies no thread, so any number can wait."""
    deadline = time.monotonic() + wait
    run = await look_up.get(id)
    before = run.status
    while run.status == before and run.status not in ENDED and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
        run = await look_up.get(id)
    moving = {"queue": {"estimated_start"}}  # changes with the clock, which alone is no change of the run
    etag = etag_of(run.model_dump_json(exclude=moving).encode())
    if knows(if_none_match, etag):
        return unchanged(etag)
    response.headers["ETag"] = etag
    return run


@router.post("/{id}/cancel", summary="Cancel a run", responses=problems(NotFound))
def cancel(id: str, database: DatabaseDep) -> RunAnswer:
    with database.write() as db:
        runs.get(db, id)
        runs.cancel(db, Run.id == id, database_now())
        return _answer(db, id)


@router.post("/{id}/pause", summary="Checkpoint a run and free its worker", responses=problems(NotFound, Conflict))
def pause(id: str, database: DatabaseDep) -> RunAnswer:
    with database.write() as db:
        runs.pause(db, id, database_now())
        return _answer(db, id)


@router.post("/{id}/resume", summary="Continue a paused run, or train an ended one further", status_code=202,
             responses=problems(NotFound, Malformed, Conflict))  # fmt: skip
def resume(
    id: str, database: DatabaseDep, response: Response, body: Annotated[ResumeRequest, Body()] = ResumeRequest()
) -> RunAnswer:
    continued = continue_run(database, id, body.stop)
    accepted(response, f"/runs/{id}")
    return run_answer(continued)


@router.post("/{id}/again", summary="Repeat a run with changes to its request", status_code=202,
             responses=problems(NotFound, Malformed, Conflict) | SENT_AGAIN)  # fmt: skip
def again(
    id: str,
    database: DatabaseDep,
    files: FilesDep,
    response: Response,
    changes: Annotated[dict[str, Any], Body(examples=[{"seed": 1}])] = {},  # noqa: B006
    key: Key = None,
) -> RunAnswer:
    return _submitted(repeat(database, files, id, changes, key), response)


@router.delete("/{id}", summary="Delete a run with its curve and files", status_code=204,
               responses=problems(NotFound, Conflict))  # fmt: skip
def delete(id: str, database: DatabaseDep, files: FilesDep) -> None:
    delete_run(database, files, id)


@router.get("/{id}/evaluation", summary="Get the evaluation of an ended run", responses=problems(NotFound))
def evaluation(run: RunDep, part: Part = "test") -> ClassificationEvaluation | RegressionEvaluation:
    measured: dict[str, Any] | None = (run.evaluation or {}).get(part)
    if measured is None:
        examples = run.environment.get("examples", run.evaluation or {part: True})  # runs of older versions lack this
        filled = [name for name, some in examples.items() if some]
        if part not in filled:
            raise NotFound("part_without_examples", part=part, filled=filled)
        raise NotFound("not_evaluated", status=run.status, phrase=runs.status_phrase(run.status))
    if run.task == "classification":
        return ClassificationEvaluation.model_validate(measured)
    return RegressionEvaluation.model_validate(measured)


@router.get("/{id}/checkpoints", summary="List the checkpoints of a run", responses=problems(NotFound))
def checkpoints(run: RunDep, database: DatabaseDep) -> CheckpointList:
    with database.read() as db:
        return CheckpointList(
            items=[
                CheckpointAnswer(
                    step=item.step, epoch=item.epoch, metrics=item.metrics, created_at=rfc3339(item.created_at)
                )
                for item in runs.checkpoints(db, run.id)
            ]
        )


@router.get("/{id}/weights", summary="Download the trained weights as safetensors", response_class=Response,
            responses=problems(NotFound) | binary("application/octet-stream"))  # fmt: skip
def weights(run: RunDep, files: FilesDep) -> Response:
    if run.weights is None:
        raise NotFound("no_weights", status=run.status, phrase=runs.status_phrase(run.status))
    name = f'attachment; filename="{run.id}.safetensors"'
    return Response(
        files.read(run.weights), media_type="application/octet-stream", headers={"Content-Disposition": name}
    )


def _submitted(submission: Submission, response: Response) -> RunAnswer:
    address = f"/runs/{submission.view.run.id}"
    if submission.is_new:
        accepted(response, address)
    else:
        repeated(response, address)
    return run_answer(submission.view)


def _answer(db: Session, id: str) -> RunAnswer:
    """The response for a run, including changes in this transaction."""
    db.expire_all()
    return run_answer(view(db, runs.get(db, id)))
