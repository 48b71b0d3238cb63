"""Batches of predictions in the background: for a whole dataset, or for a file of inputs."""

import json
from typing import Annotated, Any

from fastapi import Path, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import FileResponse

from app.api.addresses import address
from app.api.deps import Cursor, DatabaseDep, FilesDep, Limit, accepted
from app.api.forms import media_type
from app.api.inputs import File, Numbers, Pictures, Table, read_body
from app.api.problems import binary, problems
from app.api.router import Router
from app.api.schemas.batches import BatchAnswer, BatchPage, BatchRequest, batch_answer
from app.api.schemas.bodies import BINARY
from app.api.scopes import PREDICT
from app.errors import Conflict, Forbidden, Invalid, Malformed, NotFound, UnsupportedMediaType, not_utf8
from app.runs import limits
from app.runs.request_model import validated
from app.serving.file_inputs import is_text
from app.serving.weights import Asked, Serves, WeightsQueries
from app.storage import batches, datasets
from app.storage.database import Database
from app.storage.files import Files
from app.storage.signatures import Signature, description

router = Router(prefix="/batches", tags=["predict"], responses=problems(Invalid), dependencies=[PREDICT])

BatchId = Annotated[str, Path(description="a batch's id", examples=["bat_01k9zj4c2m8s0q1v5w7x3y6t4a"])]
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {"schema": {"$ref": "#/components/schemas/BatchRequest"}},
            "application/octet-stream": {
                "schema": BINARY,
                "example": "the content of letters.npy, .npz, .safetensors, .zip or rows.csv",
            },
        },
    }
}


@router.post("", summary="Predict for a whole dataset or a file in the background", status_code=202,
             openapi_extra=BODY,
             responses=problems(NotFound, Conflict, Malformed, UnsupportedMediaType))  # fmt: skip
async def create_batch(
    request: Request,
    response: Response,
    database: DatabaseDep,
    files: FilesDep,
    run: Annotated[str | None, Query(max_length=100, description="with a file: the run that predicts")] = None,
    model: Annotated[str | None, Query(max_length=100, description="with a file: or a model's name")] = None,
) -> BatchAnswer:
    """Send JSON with a dataset, or a file of inputs as for `/predict`, with the run or model in the query.

    A worker predicts with what live predictions leave of the processor. Poll the batch until it has ended; then
    `result.csv` has a line for each input, and for a dataset also its true label or value. A file of any kind may be
    sent as `application/octet-stream`; rows also as `text/csv`."""
    body = await read_body(request)
    if isinstance(body, Pictures) and media_type(request) == "application/octet-stream" and is_text(body.contents[0]):
        body = Table(body.contents[0])  # no format of pictures is text
    id = batches.new()
    if isinstance(body, Numbers):
        if run is not None or model is not None:
            raise Invalid("batch_source")
        wanted = _wanted(body.json)
        serves = await _serves(request, wanted.run, wanted.model)
        created = await run_in_threadpool(_of_dataset, database, id, serves, wanted.dataset)
    elif isinstance(body, File | Table):
        serves = await _serves(request, run, model)
        created = await run_in_threadpool(_of_upload, database, files, id, serves, body)
    else:
        raise Invalid("batch_source")
    accepted(response, address(f"/batches/{id}"))
    return created


def _wanted(body: bytes) -> BatchRequest:
    """Raises Malformed and FieldsInvalid."""
    try:
        sent = json.loads(body)
    except UnicodeDecodeError as error:
        raise not_utf8(error) from error
    except (ValueError, RecursionError) as error:
        raise Malformed("json_invalid", reason=str(error)) from error
    return validated(BatchRequest, sent, "body")


async def _serves(request: Request, run: str | None, model: str | None) -> Serves:
    """The run that predicts; of a model's several runs the one with the greatest share."""
    queries: WeightsQueries = request.app.state.predictions.weights
    serving = await queries.get(Asked(request.state.caller, run, None, model))
    chosen = max(serving.shares, key=lambda each: serving.shares[each])
    return Serves(chosen, serving.model, serving.weights[chosen])


def _of_dataset(database: Database, id: str, serves: Serves, name: str) -> BatchAnswer:
    with database.write() as db:
        dataset = datasets.get_for_share(db, name)
        if dataset.folder is None:
            reason = datasets.failure(dataset) or dataset.error
            raise Conflict("dataset_unreadable", dataset=dataset.name, status=dataset.status, reason=reason)
        _refuse_other_kind(name, Signature.of(dataset.about), Signature.of(description(db, serves.run)))
        limits.refuse_jobs(db, 1)
        source = {"dataset": dataset.id, "inputs": dataset.about["examples"]}
        return batch_answer(batches.create(db, id, serves.run, serves.weights, source, bytes=0))


def _refuse_other_kind(dataset: str, given: Signature, wanted: Signature) -> None:
    """Raise Conflict if the run would misread the examples of the dataset, or has other answers than its labels."""
    if given.shape != wanted.shape:
        raise Conflict("batch_shape_differs", dataset=dataset, shape=given.shape, wanted=wanted.shape)
    if given.task != wanted.task:
        raise Conflict("batch_task_differs", dataset=dataset, task=given.task, wanted=wanted.task)
    if features := given.differing_features(wanted):
        raise Conflict("batch_columns_differ", dataset=dataset, **features)
    if unknown := [label for label in given.classes if label not in wanted.classes]:
        raise Conflict("batch_classes_differ", dataset=dataset, unknown=unknown[:20], wanted=wanted.classes[:20])


def _of_upload(database: Database, files: Files, id: str, serves: Serves, body: File | Table) -> BatchAnswer:
    kind, size = "table" if isinstance(body, Table) else "file", len(body.content)
    files.write(batches.upload_of(id), body.content)
    try:
        with database.write() as db:
            limits.refuse_jobs(db, 1, size)
            return batch_answer(batches.create(db, id, serves.run, serves.weights, {"upload": kind}, size))
    except BaseException:
        files.delete_folder(batches.folder(id))
        raise


@router.get("", summary="List batches of predictions")
def list_batches(database: DatabaseDep, limit: Limit = 50, cursor: Cursor = None) -> BatchPage:
    """Newest first."""
    with database.read() as db:
        page = batches.page(db, limit, cursor)
        return BatchPage(items=[batch_answer(batch) for batch in page.items], next=page.next)


@router.get("/{id}", summary="Get one batch of predictions", responses=problems(NotFound))
def get_batch(id: BatchId, database: DatabaseDep) -> BatchAnswer:
    """Poll it until `status` is `succeeded` or `failed`."""
    with database.read() as db:
        return batch_answer(batches.get(db, id))


@router.get("/{id}/result.csv", summary="Get the predictions of a batch", response_class=FileResponse,
            responses=binary("text/csv") | problems(NotFound, Conflict))  # fmt: skip
def get_batch_result(id: BatchId, database: DatabaseDep, files: FilesDep) -> FileResponse:
    """A table: the input's number or name, for a dataset its true label or value (`target`), and the prediction."""
    with database.read() as db:
        batch = batches.get(db, id)
    if batch.result is None:
        raise Conflict("batch_not_done", status=batch.status)
    return FileResponse(files.local(batch.result), media_type="text/csv", filename=f"{id}.csv")


@router.delete("/{id}", summary="Delete a batch of predictions", status_code=204,
               responses=problems(NotFound, Forbidden))  # fmt: skip
def delete_batch(id: BatchId, database: DatabaseDep, files: FilesDep) -> None:
    """Its result and its upload are deleted, too. A batch that runs is ended."""
    with database.write() as db:
        batches.delete(db, id)
        files.delete_folder(batches.folder(id))
