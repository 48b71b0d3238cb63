"""Predictions of a trained run, in eval mode under `torch.no_grad()`."""

import json
from typing import Annotated, Any, Literal

import numpy as np
import torch
from fastapi import APIRouter, Depends, Query, Request
from fastapi.concurrency import run_in_threadpool
from starlette.datastructures import UploadFile

from app.api.answers import Label, PredictAnswer, Prediction
from app.api.deps import ModelsDep
from app.api.problems import problems
from app.errors import Conflict, FieldError, Invalid, Malformed, NotFound, UnsupportedMediaType
from app.learning.export import Trained
from app.serving.images import Background, decode
from app.serving.lookups import Lookups
from app.storage import runs
from app.storage.database import Database

router = APIRouter(tags=["predict"])

Asked = tuple[str | None, int | None]  # a run, or else the newest; one of its checkpoints, or else its end
WeightsLookups = Lookups[Asked, tuple[str, str]]
BINARY = {"type": "string", "format": "binary"}
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "image/png": {"schema": BINARY},
            "multipart/form-data": {"schema": {"type": "object", "properties": {"image": BINARY}}},
            "application/json": {
                "schema": {"type": "object", "properties": {"instances": {"type": "array", "items": {}}}},
            },
        },
    }
}


def weights_lookups(database: Database) -> WeightsLookups:
    """Looks up the run and the file of its weights; requests that come at once share a query."""

    def find(asked: Asked) -> tuple[str, str]:
        id, step = asked
        with database.read() as db:
            if id is None:
                found = runs.newest_weights(db)
            else:
                found = runs.weights(db, id) if step is None else runs.checkpoint_weights(db, id, step)
        if found is None:
            raise NotFound("no run has succeeded yet; POST /runs queues one")
        if found.weights is None:
            raise Conflict(f"the run is {found.status}; it can predict when it has succeeded")
        return found.id, found.weights

    async def look_up(asked: Asked) -> tuple[str, str]:
        return await run_in_threadpool(find, asked)

    return Lookups(look_up)


async def weights_lookups_of_app(request: Request) -> WeightsLookups:
    found: WeightsLookups = request.app.state.weights
    return found


WeightsDep = Annotated[WeightsLookups, Depends(weights_lookups_of_app)]


@router.post("/predict", summary="Classify pictures, or predict a row's value", openapi_extra=BODY,
             responses=problems(Invalid, Malformed, NotFound, Conflict, UnsupportedMediaType))  # fmt: skip
async def predict(
    request: Request,
    weights_of: WeightsDep,
    models: ModelsDep,
    run: Annotated[str | None, Query(max_length=100, description="the newest succeeded run if left out")] = None,
    step: Annotated[int | None, Query(ge=1, le=10**9, description="of a checkpoint; the end if left out")] = None,
    top: Annotated[str, Query(pattern=r"^(all|[1-9]\d{0,5})$", description="how many labels, or all")] = "3",
    logits: bool = False,
    fit: Annotated[bool, Query(description="convert pictures of another size")] = False,
    background: Background = "white",
) -> PredictAnswer:
    """Send a picture as the raw body (`curl --data-binary @a.png -H 'Content-Type: image/png'`), as multipart
    (`curl -F image=@a.png`, repeated for a batch), or JSON `{"instances": [[…784 numbers…]]}`."""
    if step is not None and run is None:
        raise Invalid("step= is of a run; say which one with run=", [FieldError("run", "give the run of that step")])
    run_id, weights = await weights_of.get((run, step))
    trained = await models.get(weights)
    inputs = await read_inputs(request, trained, fit, background)
    outputs = trained.outputs(torch.from_numpy(inputs))
    return PredictAnswer(run=run_id, predictions=answers(trained, outputs, top, logits))


async def read_inputs(request: Request, trained: Trained, fit: bool, background: Background) -> np.ndarray:
    """The body as inputs (N, *input_shape)."""
    kind = request.headers.get("Content-Type", "").split(";")[0].strip().lower()
    if kind == "application/json":
        return instances(await request.body(), trained.input_shape)
    pictures = len(trained.input_shape) == 3
    if not pictures:
        raise UnsupportedMediaType('this run predicts from rows: send JSON {"instances": [[…]]} as application/json')
    if kind == "multipart/form-data":
        async with request.form(max_files=256, max_fields=16) as form:
            files = [item for item in form.getlist("image") if isinstance(item, UploadFile)]
            bodies = [await item.read() for item in files]
        if not bodies:
            raise Invalid("no part is called image; send one with curl -F image=@a.png")
    elif kind.startswith("image/") or kind == "application/octet-stream":
        bodies = [await request.body()]
    else:
        raise UnsupportedMediaType(
            f"the Content-Type is {kind or 'missing'}; for a picture as the raw body add -H 'Content-Type: image/png'"
        )
    return np.stack([decode(body, trained.input_shape, fit, background) for body in bodies])


def instances(body: bytes, shape: tuple[int, ...]) -> np.ndarray:
    """JSON numbers as float32 (N, *shape): each instance flat or nested."""
    size = int(np.prod(shape))
    try:
        found = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise Malformed(f"the body is not JSON: {error}") from error
    if not isinstance(found, dict) or set(found) != {"instances"} or not isinstance(found["instances"], list):
        raise Invalid('the body is {"instances": [[…], …]}')
    rows = []
    for index, instance in enumerate(found["instances"]):
        pointer = f"/instances/{index}"
        try:
            row = np.asarray(instance, np.float32).reshape(-1)
        except (ValueError, TypeError, OverflowError) as error:
            raise _wrong(pointer, f"give {size} numbers, flat or nested as {list(shape)}") from error
        if row.size != size:
            raise _wrong(pointer, f"has {row.size} numbers; the run takes {size}, flat or nested as {list(shape)}")
        if not np.isfinite(row).all():
            raise _wrong(pointer, "holds NaN or ∞; give finite numbers")
        rows.append(row.reshape(shape))
    if not 1 <= len(rows) <= 10_000:
        raise _wrong("/instances", "give 1 to 10,000 instances")
    return np.stack(rows)


def _wrong(pointer: str, detail: str) -> Invalid:
    return Invalid(f"{pointer}: {detail}", [FieldError(pointer, detail)])


def answers(trained: Trained, outputs: torch.Tensor, top: str | Literal["all"], logits: bool) -> list[Prediction]:
    """Outputs (N, classes) as labels with probabilities, or (N,) as values."""
    if trained.task == "regression":
        return [Prediction(value=value) for value in outputs.tolist()]
    classes = len(trained.classes)
    count = classes if top == "all" else min(int(top), classes)
    found: list[Any] = []
    probabilities, order = outputs.double().softmax(1).topk(count)
    for row, (chances, places) in enumerate(zip(probabilities.tolist(), order.tolist(), strict=True)):
        best = [Label(label=trained.classes[k], probability=p) for k, p in zip(places, chances, strict=True)]
        raw = outputs[row].tolist() if logits else None
        found.append(Prediction(label=best[0].label, probability=best[0].probability, top=best, logits=raw))
    return found
