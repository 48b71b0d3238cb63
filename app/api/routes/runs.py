"""Training runs: queued, watched, stopped, continued, repeated, deleted."""

import asyncio
import hashlib
import json
import time
from collections.abc import Sequence
from itertools import zip_longest
from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Header, Query, Request, Response
from pydantic import BaseModel
from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session

from app.api.caching import UNCHANGED, IfNoneMatch, etag_of, knows, unchanged
from app.api.deps import Cursor, DatabaseDep, FilesDep, Limit, RunDep
from app.api.problems import binary, problems
from app.api.schemas.evaluation import ClassificationEvaluation, RegressionEvaluation
from app.api.schemas.runs import (
    CancelledAnswer,
    CheckpointAnswer,
    CheckpointList,
    Queue,
    RunAnswer,
    RunPage,
    run_answer,
)
from app.api.schemas.times import rfc3339
from app.constants import EXPERIMENT_TAG, RESERVED_TAGS
from app.errors import Conflict, FieldError, Invalid, Malformed, NotFound
from app.learning.architecture import without_output_layer
from app.learning.data import Part
from app.learning.presets import under
from app.learning.serialization import layers_from_json, layers_to_json
from app.runs.registry_requests import StopRequest
from app.runs.request_model import Model, validated
from app.runs.requests import ResumeRequest, RunRequest
from app.runs.resolution import can_stop, environment, has_an_end, resolve
from app.serving.coalescing import SingleFlight
from app.storage import datasets, idempotency, runs
from app.storage.database import Database, database_now
from app.storage.deletion import delete_run
from app.storage.files import Files
from app.storage.queue.leases import WISHES
from app.storage.tables import ENDED, Run

router = APIRouter(prefix="/runs", tags=["runs"], responses=problems(Invalid))

SENT_AGAIN: dict[int | str, dict[str, Any]] = {
    200: {"model": RunAnswer, "description": "This Idempotency-Key has made it already"}
}
Key = Annotated[str | None, Header(alias="Idempotency-Key", min_length=1, max_length=200)]


def described(db: Session, run: Run) -> RunAnswer:
    """The run, with its place in the queue while it waits; one whose worker fell silent waits too."""
    return described_all(db, [run])[0]


def described_all(db: Session, found: list[Run]) -> list[RunAnswer]:
    """Runs as `described`: how fast the queue moves is asked once for all."""
    now = db.execute(select(database_now())).scalar_one()
    pace = runs.pace(db, now) if any(_waits(run, now) for run in found) else None

    def queue(run: Run) -> Queue:
        position = runs.queue_position(db, run, now)
        return Queue(position=position, estimated_start=rfc3339(pace.start(position) if pace else None))

    return [run_answer(run, queue(run) if _waits(run, now) else None) for run in found]


def _waits(run: Run, now: float) -> bool:
    silent = run.status == "running" and run.lease_expires_at is not None and run.lease_expires_at < now
    return run.status == "queued" or silent


def enqueue(
    database: Database, files: Files, body: RunRequest, key: str | None, digest: str, response: Response
) -> RunAnswer:
    """Create the run unless this key has created it already, and answer 202 or 200; `digest` is the request's."""

    def find() -> RunAnswer | None:
        if key is None:
            return None
        with database.read() as db:
            run = idempotency.run_made_by(db, key, digest)
            if run is None:
                return None
            response.status_code = 200
            response.headers["Location"] = f"/runs/{run.id}"
            return described(db, run)

    def create() -> RunAnswer:
        [answer] = create_together(database, files, [body], key, digest)
        accepted(response, answer.id)
        return answer

    return idempotency.once(find, create)


def digest_of(body: BaseModel) -> str:
    """By which a request that is sent again is known for the same."""
    return sha256(body.model_dump_json())


def sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def create_together(
    database: Database,
    files: Files,
    bodies: Sequence[RunRequest],
    key: str | None,
    digest: str,
    faults: Sequence[str | None] = (),
) -> list[RunAnswer]:
    """Runs on one dataset, all of them or none; the key finds the first again. `slips` are theirs, of an experiment."""
    with database.read() as db:
        dataset = datasets.get(db, bodies[0].dataset)
    # It reads and writes files: no transaction waits for them.
    resolved = [resolve(body, dataset, files, keep_split=True) for body in bodies]
    environments = [environment(dataset, request, files) for request, _ in resolved]
    with database.write() as db:
        datasets.get_for_share(db, dataset.id)
        made = [
            runs.create(
                db,
                request=request,
                warnings=warnings,
                fault=fault,
                task=dataset.about["task"],
                environment=known,
            )
            for (request, warnings), known, fault in zip_longest(resolved, environments, faults)
        ]
        if key is not None:
            idempotency.remember(db, key, digest, run=made[0].id)
        return described_all(db, made)


def refuse_fault(run: Run) -> None:
    """Raises Conflict for a run that goes wrong on purpose: its request says only what it would be without."""
    if run.fault is not None:
        name = run.tags.get(EXPERIMENT_TAG, "")
        raise Conflict(
            f"this run goes wrong on purpose ({run.fault}), as part of the experiment {name}: only that can repeat it; "
            "POST its request to /runs for a run that does as it should"
        )


def accepted(response: Response, id: str) -> None:
    """It will be done: here is where to look, and when."""
    response.status_code = 202
    response.headers["Location"] = f"/runs/{id}"
    response.headers["Retry-After"] = "1"


@router.post("", summary="Queue a training run", status_code=202,
             responses=problems(NotFound, Malformed, Conflict) | SENT_AGAIN)  # fmt: skip
def create(body: RunRequest, database: DatabaseDep, files: FilesDep, response: Response, key: Key = None) -> RunAnswer:
    return enqueue(database, files, body, key, digest_of(body), response)


Filter = Annotated[str | None, Query(max_length=200)]


def run_filter(
    database: DatabaseDep,
    status: Filter = None,
    dataset: Annotated[str | None, Query(max_length=200, description="its id, or a name: all its versions")] = None,
    tag: Filter = None,
) -> ColumnElement[bool] | None:
    of: list[str] = []
    if dataset is not None:
        try:
            with database.read() as db:
                of = datasets.versions(db, dataset)
        except NotFound as error:  # not the address is wrong but the filter
            raise Invalid(error.detail, [FieldError("dataset", error.detail)]) from error
    return None if status is dataset is tag is None else runs.matching(database_now(), status, of, tag)


FilterDep = Annotated[ColumnElement[bool] | None, Depends(run_filter)]


@router.get("", summary="List runs, newest first")
def list_runs(database: DatabaseDep, where: FilterDep, limit: Limit = 50, cursor: Cursor = None) -> RunPage:
    with database.read() as db:
        found = runs.page(db, runs.matching(database_now()) if where is None else where, limit + 1, cursor)
        more = found[limit - 1].id if len(found) > limit else None
        return RunPage(items=described_all(db, found[:limit]), next=more)


@router.post("/cancel", summary="Cancel all runs that match a filter")
def cancel_many(database: DatabaseDep, where: FilterDep) -> CancelledAnswer:
    if where is None:
        raise Invalid("give a filter: status=, dataset= or tag=key:value; without one this would cancel every run")
    with database.write() as db:
        return CancelledAnswer(cancelled=runs.cancel(db, where, database_now()))


RunQueries = SingleFlight[str, RunAnswer]


def run_queries(database: Database) -> RunQueries:
    """Looks up a run as clients see it; those who wait for the same run share a query."""

    def find(id: str) -> RunAnswer:
        with database.read() as db:
            return described(db, runs.get(db, id))

    return SingleFlight.in_threads(find)


async def run_queries_of_app(request: Request) -> RunQueries:
    found: RunQueries = request.app.state.runs
    return found


RunQueriesDep = Annotated[RunQueries, Depends(run_queries_of_app)]


@router.get("/{id}", summary="One run", response_model=RunAnswer, responses=problems(NotFound) | UNCHANGED)
async def get(
    id: str,
    look_up: RunQueriesDep,
    response: Response,
    if_none_match: IfNoneMatch = None,
    wait: Annotated[float, Query(ge=0, le=60, description="answer when the status changes, or after so long")] = 0,
) -> Any:
    """A client that waits costs no thread: any number may."""
    deadline = time.monotonic() + wait
    found = await look_up.get(id)
    before = found.status
    while found.status == before and found.status not in ENDED and time.monotonic() < deadline:
        await asyncio.sleep(0.1)
        found = await look_up.get(id)
    moving = {"queue": {"estimated_start"}}  # it moves with the clock: that alone is no news
    etag = etag_of(found.model_dump_json(exclude=moving).encode())
    if knows(if_none_match, etag):
        return unchanged(etag)
    response.headers["ETag"] = etag
    return found


@router.post("/{id}/cancel", summary="Cancel a run", responses=problems(NotFound))
def cancel(id: str, database: DatabaseDep) -> RunAnswer:
    with database.write() as db:
        runs.get(db, id)
        runs.cancel(db, Run.id == id, database_now())
        return _again(db, id)


@router.post("/{id}/pause", summary="Checkpoint a run and give its worker back", responses=problems(NotFound, Conflict))
def pause(id: str, database: DatabaseDep) -> RunAnswer:
    with database.write() as db:
        runs.pause(db, id, database_now())
        return _again(db, id)


@router.post("/{id}/resume", summary="Go on with a paused run, or train an ended one further", status_code=202,
             responses=problems(NotFound, Malformed, Conflict))  # fmt: skip
def resume(
    id: str, database: DatabaseDep, response: Response, body: Annotated[ResumeRequest, Body()] = ResumeRequest()
) -> RunAnswer:
    with database.write() as db:
        run = runs.get(db, id)
        if run.wanted is not None:
            raise Conflict(f"the run is about to be {WISHES[run.wanted]}; resume it when it is")
        if run.status in ("queued", "running"):
            raise Conflict(f"the run is {run.status}; it goes on by itself")
        if body.stop and EXPERIMENT_TAG in run.tags:
            raise Conflict(
                f"an experiment is observed in this run as it is; POST /runs/{id}/again makes one of your own"
            )
        if run.stop_reason == "diverged":
            raise Conflict(f"the run has diverged, and would again; POST /runs/{id}/again with a smaller learning rate")
        stop = _merged(StopRequest, run.request["stop"], body.stop, "/stop").model_dump(mode="json")
        examples = run.environment.get("examples", {"validation": run.request["split"]["validation"]})
        can_stop(stop, examples["validation"])
        has_an_end(run.request.get("schedule", {"name": "constant"}), stop)
        if run.checkpoint:
            _goes_on(run, stop)
        runs.resume(db, id, run.request | {"stop": stop})
        accepted(response, id)
        return _again(db, id)


@router.post("/{id}/again", summary="A new run of the same request, with changes", status_code=202,
             responses=problems(NotFound, Malformed, Conflict) | SENT_AGAIN)  # fmt: skip
def again(
    id: str,
    database: DatabaseDep,
    files: FilesDep,
    response: Response,
    changes: Annotated[dict[str, Any], Body(examples=[{"seed": 1}])] = {},  # noqa: B006
    key: Key = None,
) -> RunAnswer:
    with database.read() as db:
        run = runs.get(db, id)
    refuse_fault(run)
    tags = {key: value for key, value in run.request["tags"].items() if not key.startswith(RESERVED_TAGS)}
    old = run.request | {"tags": tags}
    if changes.keys() & {"loss", "dataset"} and "model" not in changes:  # the output layer follows from them
        layers = without_output_layer(layers_from_json(old["model"]["layers"]))
        old = old | {"model": {"layers": layers_to_json(layers)}}
    split = changes["split"] if isinstance(changes.get("split"), dict) else {}
    kept = dict(old["split"])
    if "dataset" in changes or "test" in split:  # whose own parts were another's
        kept["own"] = None
    if any((kept | split).get(name) for name in ("folds", "own")):  # which say themselves what is tested on
        kept.pop("test", None)
    old = old | {"split": kept}
    body = _merged(RunRequest, old, changes, "")
    # By what was sent: a run that is resumed meanwhile has another request, and its repetition is still the same.
    digest = sha256(f"{id} {json.dumps(changes, sort_keys=True)}")
    return enqueue(database, files, body, key, digest, response)


@router.delete("/{id}", summary="Delete a run with its curve and files", status_code=204,
               responses=problems(NotFound, Conflict))  # fmt: skip
def delete(id: str, database: DatabaseDep, files: FilesDep) -> None:
    delete_run(database, files, id)


@router.get("/{id}/evaluation", summary="How well an ended run does", responses=problems(NotFound))
def evaluation(run: RunDep, part: Part = "test") -> ClassificationEvaluation | RegressionEvaluation:
    found: dict[str, Any] | None = (run.evaluation or {}).get(part)
    if found is None:
        examples = run.environment.get("examples", run.evaluation or {part: True})  # runs of before do not say
        filled = [name for name, some in examples.items() if some]
        if part not in filled:
            raise NotFound(
                f"the run's {part} part has no examples to evaluate; there are some in {' and '.join(filled)}"
            )
        raise NotFound(f"the run {runs.status_phrase(run.status)}; its evaluation comes when it has succeeded")
    if run.task == "classification":
        return ClassificationEvaluation.model_validate(found)
    return RegressionEvaluation.model_validate(found)


@router.get("/{id}/checkpoints", summary="The checkpoints of a run", responses=problems(NotFound))
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


@router.get("/{id}/weights", summary="The trained weights as safetensors", response_class=Response,
            responses=problems(NotFound) | binary("application/octet-stream"))  # fmt: skip
def weights(run: RunDep, files: FilesDep) -> Response:
    if run.weights is None:
        raise NotFound(f"the run {runs.status_phrase(run.status)}; its weights come when it has succeeded")
    name = f'attachment; filename="{run.id}.safetensors"'
    return Response(
        files.read(run.weights), media_type="application/octet-stream", headers={"Content-Disposition": name}
    )


def _again(db: Session, id: str) -> RunAnswer:
    db.expire_all()
    return described(db, runs.get(db, id))


def _goes_on(run: Run, stop: dict[str, Any]) -> None:
    """Raises Invalid when a criterion has been reached already, so that training further would end at once."""
    for field, done in (("max_steps", "step"), ("max_epochs", "epoch"), ("max_seconds", "seconds")):
        already = run.progress.get(done, 0)
        if stop[field] is not None and stop[field] <= already:
            detail = f"the run has done {already} already, counted from its start; give more than that"
            raise Invalid(detail, [FieldError(f"/stop/{field}", detail)])
    reason = run.stop_reason
    if reason in stop and stop[reason] is not None and stop[reason] == run.request["stop"].get(reason):
        detail = f"the run has ended by {reason}, which holds still; change it, or turn it off with null"
        raise Invalid(detail, [FieldError(f"/stop/{reason}", detail)])


def _merged(model: type[Model], old: dict[str, Any], new: Any, where: str) -> Model:
    """`old` with what `new` changes, field by field; refused like a request that was sent so."""
    merged = under(old, new)
    place = tuple(part for part in where.split("/") if part)
    return validated(model, merged, "body", *place, body={place[0]: merged} if place else merged)
