"""Training runs: queue, list, watch, cancel, pause, resume, repeat and delete."""

import asyncio
import time
from typing import Annotated, Any

from fastapi import BackgroundTasks, Body, Depends, Query, Request, Response
from sqlalchemy.orm import Session

from app.access import Caller
from app.api.addresses import address
from app.api.caching import UNCHANGED, IfNoneMatch, etag_of, knows, unchanged
from app.api.dataset_deps import Part
from app.api.deps import Cursor, DatabaseDep, FilesDep, Key, Limit, RunDep, RunId, accepted, repeated
from app.api.problems import binary, problems
from app.api.router import Router
from app.api.run_filter import FilterDep, OrderDep, SomeFilterDep
from app.api.schemas.evaluation import ClassificationEvaluation, RegressionEvaluation
from app.api.schemas.runs import (
    CancelledAnswer,
    CheckpointAnswer,
    CheckpointList,
    DeletedAnswer,
    RunAnswer,
    RunPage,
    TaggedAnswer,
    deleted_answer,
    run_answer,
)
from app.api.schemas.times import rfc3339
from app.api.scopes import READ, TRAIN, CallerDep
from app.constants import ENDED, SWEEP_TAG
from app.errors import Conflict, Invalid, Malformed, NotFound
from app.runs.labels import LabelsRequest, TagsRequest, relabel, retag
from app.runs.repetition import apply_fix, continue_run, repeat
from app.runs.requests import ResumeRequest, RunRequest
from app.runs.submission import Submission, submit
from app.runs.views import view, views
from app.serving.coalescing import SingleFlight
from app.storage import deletion, runs
from app.storage.database import Database, database_now
from app.storage.tables import Run

router = Router(prefix="/runs", tags=["runs"], responses=problems(Invalid))

SENT_AGAIN: dict[int | str, dict[str, Any]] = {
    200: {"model": RunAnswer, "description": "Created earlier with this Idempotency-Key"}
}


@router.post("", summary="Queue a training run", status_code=202,
             responses=problems(NotFound, Malformed, Conflict) | SENT_AGAIN, dependencies=[TRAIN])  # fmt: skip
def create_run(
    body: RunRequest, database: DatabaseDep, files: FilesDep, response: Response, key: Key = None
) -> RunAnswer:
    """Check the request, queue the run and answer at once. Only `dataset` is required. A worker trains the run; poll
    `GET /runs/{id}?wait=30` until its `status` is `succeeded`, `failed` or `cancelled`."""
    return _submitted(submit(database, files, body, key), response)


@router.get("", summary="List runs, newest first", dependencies=[READ])
def list_runs(
    database: DatabaseDep, where: FilterDep, order: OrderDep, limit: Limit = 50, cursor: Cursor = None
) -> RunPage:
    """A page of the runs that match all given filters. Runs that are added later do not shift the pages."""
    with database.read() as db:
        page = runs.page(db, where, limit, cursor, order)
        return RunPage(items=[run_answer(run) for run in views(db, page.items)], next=page.next)


@router.post("/cancel", summary="Cancel all runs that match a filter", dependencies=[TRAIN])
def cancel_runs(database: DatabaseDep, where: SomeFilterDep) -> CancelledAnswer:
    """At least one filter must be given. Runs that have ended stay as they are, and so do those of other owners."""
    with database.write() as db:
        return CancelledAnswer(cancelled=runs.cancel(db, where, database_now()))


@router.patch("", summary="Tag all runs that match a filter", responses=problems(Malformed), dependencies=[TRAIN])
def tag_runs(database: DatabaseDep, where: SomeFilterDep, body: TagsRequest) -> TaggedAnswer:
    """At least one filter must be given. Tags that are left out stay; null removes one. Runs of other owners stay as
    they are."""
    return TaggedAnswer(tagged=retag(database, where, body))


@router.delete("", summary="Delete all runs that match a filter", responses=problems(Conflict), dependencies=[TRAIN])
def delete_runs(
    database: DatabaseDep,
    files: FilesDep,
    where: SomeFilterDep,
    tasks: BackgroundTasks,
    preview: Annotated[bool, Query(description="say what would be deleted, and delete nothing")] = False,
) -> DeletedAnswer:
    """At least one filter must be given. Runs that train stay, those in the history of a model, and those of other
    owners.

    Deleted runs are gone at once for all readers; their files are removed after the answer."""
    if preview:
        with database.read() as db:
            return deleted_answer(deletion.preview(db, where))
    with database.write() as db:
        begun = deletion.begin(db, where)
    tasks.add_task(deletion.finish_later, database, files, begun.runs)
    return deleted_answer(begun)


RunQueries = SingleFlight[tuple[Caller, str], RunAnswer]


def run_queries(database: Database) -> RunQueries:
    """Coalesced queries for single runs: concurrent requests with one key for one run share a query."""

    def find(asked: tuple[Caller, str]) -> RunAnswer:
        caller, id = asked
        with database.of(caller).read() as db:
            return _answer(db, id)

    return SingleFlight.in_threads(find)


async def run_queries_of_app(request: Request) -> RunQueries:
    queries: RunQueries = request.app.state.runs
    return queries


RunQueriesDep = Annotated[RunQueries, Depends(run_queries_of_app)]


@router.get(
    "/{id}",
    summary="Get one run",
    response_model=RunAnswer,
    responses=problems(NotFound) | UNCHANGED,
    dependencies=[READ],
)
async def get_run(
    id: RunId,
    caller: CallerDep,
    look_up: RunQueriesDep,
    response: Response,
    if_none_match: IfNoneMatch = None,
    wait: Annotated[float, Query(ge=0, le=60, description="seconds to wait for a change of status")] = 0,
) -> Any:
    """Poll with `wait`, or with `If-None-Match`. A waiting client occupies no thread, so any number can wait."""
    deadline = time.monotonic() + wait
    run = await look_up.get((caller, id))
    before = run.status
    while run.status == before and run.status not in ENDED and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
        run = await look_up.get((caller, id))
    moving = {"queue": {"estimated_start"}}  # changes with the clock, which alone is no change of the run
    etag = etag_of(run.model_dump_json(exclude=moving).encode())
    if knows(if_none_match, etag):
        return unchanged(etag)
    response.headers["ETag"] = etag
    return run


@router.patch("/{id}", summary="Rename or tag a run", responses=problems(NotFound, Malformed),
              dependencies=[TRAIN])  # fmt: skip
def change_run(id: RunId, database: DatabaseDep, body: LabelsRequest) -> RunAnswer:
    """Tags that are left out stay; null removes one. The run's request has the new name and tags too."""
    return run_answer(relabel(database, id, body))


@router.post("/{id}/cancel", summary="Cancel a run", responses=problems(NotFound), dependencies=[TRAIN])
def cancel_run(id: RunId, database: DatabaseDep) -> RunAnswer:
    """A queued run is cancelled at once, a running one within a second. Cancelling an ended run changes nothing."""
    with database.write() as db:
        runs.get_own(db, id)
        runs.cancel(db, Run.id == id, database_now())
        return _answer(db, id)


@router.post(
    "/{id}/pause",
    summary="Checkpoint a run and free its worker",
    responses=problems(NotFound, Conflict),
    dependencies=[TRAIN],
)
def pause_run(id: RunId, database: DatabaseDep) -> RunAnswer:
    """`POST /runs/{id}/resume` continues the run from this checkpoint with the same bits."""
    with database.write() as db:
        runs.pause(db, id, database_now())
        return _answer(db, id)


@router.post("/{id}/resume", summary="Continue a paused run, or train an ended one further", status_code=202,
             responses=problems(NotFound, Malformed, Conflict), dependencies=[TRAIN])  # fmt: skip
def resume_run(
    id: RunId, database: DatabaseDep, response: Response, body: Annotated[ResumeRequest, Body()] = ResumeRequest()
) -> RunAnswer:
    """A paused run goes on exactly as if it had not been paused. An ended run is trained further, with the state of its
    optimizer; give a later `stop`, which counts from the run's start."""
    continued = continue_run(database, id, body.stop)
    accepted(response, address(f"/runs/{id}"))
    return run_answer(continued)


@router.post("/{id}/again", summary="Repeat a run with changes to its request", status_code=202,
             responses=problems(NotFound, Malformed, Conflict) | SENT_AGAIN, dependencies=[TRAIN])  # fmt: skip
def repeat_run(
    id: RunId,
    database: DatabaseDep,
    files: FilesDep,
    response: Response,
    changes: Annotated[dict[str, Any], Body(examples=[{"seed": 1}])] = {},  # noqa: B006
    key: Key = None,
    fix: Annotated[
        bool,
        Query(
            description="also make the change of the run's first finding, see `GET /runs/{id}/diagnosis`. If that is "
            "to train longer and the body is empty, this run is resumed"
        ),
    ] = False,
) -> RunAnswer:
    """A new run with the same resolved request. The body has the fields to change; an object, such as `optimizer`, is
    merged with that of the request."""
    make = apply_fix if fix else repeat
    return _submitted(make(database, files, id, changes, key), response)


@router.delete("/{id}", summary="Delete a run with its curve and files", status_code=204,
               responses=problems(NotFound, Conflict), dependencies=[TRAIN])  # fmt: skip
def delete_run(id: RunId, database: DatabaseDep, files: FilesDep) -> None:
    """Refused while the run trains, and if it stands in the history of a model."""
    deletion.delete_run(database, files, id)


@router.get(
    "/{id}/evaluation", summary="Get the evaluation of an ended run", responses=problems(NotFound), dependencies=[READ]
)
def get_evaluation(
    run: RunDep, part: Annotated[Part, Query(description="the part of the dataset that was evaluated")] = "test"
) -> ClassificationEvaluation | RegressionEvaluation:
    """Measured at the end of the training, with the parameters that `/predict` uses."""
    measured: dict[str, Any] | None = (run.evaluation or {}).get(part)
    if measured is None:
        examples = run.environment.get("examples", run.evaluation or {part: True})  # runs of older versions lack this
        filled = [name for name, some in examples.items() if some]
        if part not in filled:
            raise NotFound("part_without_examples", part=part, filled=filled)
        if part == "test" and run.evaluation and SWEEP_TAG in run.tags:
            raise NotFound("test_part_held_back", filled=sorted(run.evaluation))
        raise NotFound("not_evaluated", status=run.status, phrase=runs.status_phrase(run.status))
    if run.task == "classification":
        return ClassificationEvaluation.model_validate(measured)
    return RegressionEvaluation.model_validate(measured)


@router.get(
    "/{id}/checkpoints", summary="List the checkpoints of a run", responses=problems(NotFound), dependencies=[READ]
)
def list_checkpoints(run: RunDep, database: DatabaseDep) -> CheckpointList:
    """`POST /predict?run=…&step=…` predicts with one of them."""
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
            responses=problems(NotFound) | binary("application/octet-stream"), dependencies=[READ])  # fmt: skip
def download_weights(run: RunDep, files: FilesDep) -> Response:
    """Tensors with the names and shapes of the module's `state_dict`. The metadata has the architecture, the
    classes and the preprocessing."""
    content = files.read(runs.served_file(run))
    name = f'attachment; filename="{run.id}.safetensors"'
    return Response(content, media_type="application/octet-stream", headers={"Content-Disposition": name})


def _submitted(submission: Submission, response: Response) -> RunAnswer:
    here = address(f"/runs/{submission.view.run.id}")
    if submission.is_new:
        accepted(response, here)
    else:
        repeated(response, here)
    return run_answer(submission.view)


def _answer(db: Session, id: str) -> RunAnswer:
    """The response for a run, including changes in this transaction."""
    db.expire_all()
    return run_answer(view(db, runs.get(db, id)))
