"""Predictions with a trained run, in eval mode under `torch.no_grad()`."""

from collections.abc import Sequence
from time import perf_counter
from typing import Any

from fastapi import Depends, Request, Response
from numpy.typing import NDArray
from starlette.types import Receive, Scope, Send

from app import metrics
from app.access import Caller
from app.access import Scope as KeyScope
from app.api.client_connection import while_connected
from app.api.observation import TIMING
from app.api.prediction_answer import Answer, write_answer
from app.api.prediction_inputs import conversion_for, read_inputs
from app.api.problems import problems
from app.api.query import parameters, read_query
from app.api.router import Router
from app.api.schemas.bodies import BINARY
from app.api.schemas.predict import PredictAnswer, Question
from app.api.scopes import Requires
from app.api.timeouts import TIMEOUT, read_timeout, within
from app.errors import Conflict, DeadlineExceeded, Invalid, Malformed, NotFound, Overloaded, UnsupportedMediaType
from app.serving.batching import Batched
from app.serving.explanation import Saliency, explain
from app.serving.places import Places
from app.serving.predictor import Predictor
from app.serving.scores import Row
from app.serving.service import PredictionService
from app.serving.shadowing import Answered
from app.serving.weights import Asked

router = Router(tags=["predict"])

REQUIRED = Requires(KeyScope.PREDICT)


A_PICTURE = "the content of a.png"
FILE = {"schema": BINARY, "example": "the content of letters.npy, .npz, .safetensors or .zip"}
BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "image/png": {"schema": BINARY, "example": A_PICTURE},
            "application/octet-stream": {"schema": BINARY, "example": A_PICTURE},
            "multipart/form-data": {
                "schema": {"$ref": "#/components/schemas/Pictures"},
                "example": {"image": ["a.png", "b.png"]},
            },
            "application/json": {"schema": {"$ref": "#/components/schemas/Instances"}},
            "application/zip": FILE,
            "application/x-npy": FILE,
            "application/x-npz": FILE,
            "application/vnd.safetensors": FILE,
            "text/csv": {"schema": BINARY, "example": "age,bmi\n59,32.1\n"},
        },
    }
}
OTHER_ANSWERS: dict[int | str, dict[str, Any]] = {
    200: {
        "content": {
            "text/plain": {"schema": {"type": "string"}, "example": "A\nB\n"},
            "text/csv": {"schema": {"type": "string"}, "example": "input,value\n1,151.2\n"},
            "image/png": {"schema": BINARY},
        }
    }
}


@router.post("/predict", summary="Classify pictures, or predict from table rows",
             openapi_extra=BODY | {"parameters": [*parameters(Question), TIMEOUT]}, response_model=PredictAnswer,
             responses=OTHER_ANSWERS | problems(Invalid, Malformed, NotFound, Conflict, UnsupportedMediaType,
                                                Overloaded, DeadlineExceeded),
             dependencies=[Depends(REQUIRED)])  # fmt: skip
async def predict(request: Request) -> Response:
    """Send one picture as the raw body (`curl --data-binary @a.png -H 'Content-Type: image/png'`), or up to 256 as
    multipart (`curl -F image=@a.png -F image=@b.png`). Or send JSON: `{"instances": [[…784 numbers…]]}`, for a table
    also `{"instances": [{"age": 59, …}]}` with a value for each column that is an input. A row may also have the target
    and columns that the import has left out; they are ignored.

    If several pictures are sent, `errors` points to the bad ones: `/image/1` is the second.

    Send a file as `application/octet-stream`: an array as `.npy`, `.npz` or safetensors, or a `.zip` of pictures. Send
    the rows of a table as `text/csv`, with the names of the columns in the first line.

    `Accept: text/plain` answers with the labels or values alone, one a line; `Accept: text/csv` with a table. With
    `explain=gradient` or `integrated`, `Accept: image/png` answers with a drawing of what speaks for the class.

    Limits of one request: 64 MB, 100,000,000 pixels in total, 256 pictures in a form, 10,000 rows or pictures in a
    file, and 2 MB of JSON."""
    asked = read_query(Question, request)
    seconds = read_timeout(request)
    return await within(seconds, answered(request, asked, seconds))


class PredictApp:
    """The ASGI app that answers `POST /predict`. FastAPI's route stands for it in the OpenAPI document: the router, its
    dependencies and context managers take longer than a small network, and this app needs none of them."""

    path = "/predict"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = self  # as FastAPI's routes do
        REQUIRED.check(scope["state"]["caller"])
        response = await predict(Request(scope, receive))
        await response(scope, receive, send)


async def answered(request: Request, asked: Question, seconds: float | None) -> Response:
    """The way of a prediction: its network, the inputs, the batch, the answer."""
    service: PredictionService = request.app.state.predictions
    caller: Caller = request.state.caller
    serving = await service.weights.get(Asked(caller, asked.run, asked.step, asked.model))
    serves = serving.choose(asked.sticky)
    predictor = await service.models.get(serves.weights)
    predictor.batcher.admit(seconds)
    conversion = conversion_for(predictor.trained, asked)
    began = perf_counter()
    inputs = await read_inputs(request, predictor.trained, conversion, serves.run)
    decoded = perf_counter()
    service.rates.count(caller, len(inputs.values))
    with service.live:
        batched = await run_batched(request, predictor, inputs.values)
    computed = perf_counter()
    if None in batched.rows:
        raise Conflict("outputs_not_finite")
    seen = Answered(predictor, caller.owner, inputs.values, batched.rows, batched.seconds)
    logged = service.observers.see(serving, serves, seen)
    saliency = await explained(request, predictor, inputs.values, batched.rows, asked)
    answer = Answer(serves, batched.rows, inputs, conversion, saliency, logged)
    response = write_answer(request, predictor, answer, asked)
    queued, encoded = max(0.0, computed - decoded - batched.seconds), perf_counter()
    timing = request.scope.get(TIMING, {})
    timing |= zip(metrics.STAGES, (queued, decoded - began, batched.seconds, encoded - computed), strict=True)
    metrics.predict_seconds["queue"].observe(queued)
    metrics.predict_seconds["decode"].observe(decoded - began)
    metrics.predict_seconds["encode"].observe(encoded - computed)
    return response


async def run_batched(request: Request, predictor: Predictor, inputs: NDArray[Any]) -> Batched[Row]:
    """Predictions for the inputs. Inputs of a client that has left are not computed. Raises ClientDisconnect."""
    rows = predictor.batcher.run(inputs)
    if predictor.batcher.runs_at_once(len(inputs)):
        return await rows
    return await while_connected(request, rows)


async def explained(
    request: Request, predictor: Predictor, inputs: NDArray[Any], rows: Sequence[Row], asked: Question
) -> list[Saliency] | None:
    """The saliency of each input, if the client asks for it. Raises Invalid and NotReady."""
    method = asked.explain
    if method is None or method == "preprocessing":
        return None
    places: Places = request.app.state.places
    return await places.run(lambda: explain(predictor.trained, inputs, rows, method, asked.target))
