"""Open Inference Protocol, version 2: what clients of Triton, KServe and others speak.

https://github.com/kserve/open-inference-protocol
"""

from importlib.metadata import version as installed_version
from typing import Annotated, Any

from fastapi import Path, Request, Response
from sqlalchemy import text

from app.access import Caller
from app.api.client_connection import while_connected
from app.api.deps import DatabaseDep
from app.api.inference_body import HEADER, parse, read_inputs, write
from app.api.problems import problems
from app.api.router import Router
from app.api.schemas.inference import (
    InferRequest,
    InferResponse,
    LiveAnswer,
    ModelMetadata,
    ModelReadyAnswer,
    ReadyAnswer,
    ServerMetadata,
    TensorMetadata,
)
from app.api.scopes import PREDICT
from app.api.timeouts import TIMEOUT, read_timeout, within
from app.constants import RUN_PREFIX
from app.errors import Conflict, DeadlineExceeded, Invalid, Malformed, NotFound, NotReady, Overloaded
from app.learning.serialization import Trained
from app.runs.request_model import Name
from app.serving.batching import NORMAL
from app.serving.executor import run_by_cost
from app.serving.predictor import Predictor
from app.serving.service import PredictionService
from app.serving.shadowing import Answered
from app.serving.tensors import INPUT, LABEL, PROBABILITIES, VALUE, outputs_of
from app.serving.weights import Asked, Serves, Serving
from app.storage import models, runs
from app.storage.database import Database

router = Router(prefix="/v2", tags=["open inference protocol"], responses=problems(Invalid), dependencies=[PREDICT])

ModelName: Any = Annotated[Name, Path(description="a model's name, or a run's id", examples=["letters"])]
Version = Annotated[int, Path(ge=1, le=10**9, description="version of the name, or step of the run's checkpoint")]
MOST_MICROSECONDS, LAST = 600_000_000, 1000
JSON, BYTES = "application/json", "application/octet-stream"
JSON_LENGTH: dict[str, Any] = {
    "name": HEADER,
    "in": "header",
    "required": False,
    "schema": {"type": "integer", "minimum": 0},
    "description": "bytes of the JSON, if bytes of tensors follow it",
}
BODY: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {JSON: {"schema": {"$ref": "#/components/schemas/InferRequest"}}},
    },
    "parameters": [JSON_LENGTH, TIMEOUT],
}
UNKNOWN = problems(NotFound, Conflict)
REFUSED = problems(NotFound, Conflict, Malformed, Overloaded, DeadlineExceeded)


@router.get("/health/live", summary="Check that the server is alive")
async def check_live() -> LiveAnswer:
    """Answer without looking at the database, like `GET /healthz`."""
    return LiveAnswer(live=True)


@router.get("/health/ready", summary="Check that the server can predict", responses=problems(NotReady))
def check_ready(database: DatabaseDep) -> ReadyAnswer:
    """503 if the database does not answer. `GET /readyz` checks more."""
    with database.read() as db:
        db.execute(text("SELECT 1"))
    return ReadyAnswer(ready=True)


@router.get("", summary="Describe the server")
async def describe_server() -> ServerMetadata:
    """Its name, its version, and the extensions of the protocol that it has."""
    extensions = ["binary_tensor_data", "schedule_policy"]
    return ServerMetadata(name="antigrad", version=installed_version("antigrad"), extensions=extensions)


@router.get("/models/{name}/ready", summary="Check that a model can predict", responses=UNKNOWN)
async def check_model_ready(request: Request, name: ModelName) -> ModelReadyAnswer:
    """200 if the network of the run, or of the run that the name points at, is loaded."""
    await _predictor(request, (await _serving(request, name, None)).choose())
    return ModelReadyAnswer(name=name, ready=True)


@router.get("/models/{name}/versions/{version}/ready", summary="Check that a model can predict", responses=UNKNOWN)
async def check_model_version_ready(request: Request, name: ModelName, version: Version) -> ModelReadyAnswer:
    """200 if the network of this version is loaded."""
    await _predictor(request, (await _serving(request, name, version)).choose())
    return ModelReadyAnswer(name=name, ready=True)


@router.get("/models/{name}", summary="Describe the tensors of a model", responses=UNKNOWN)
async def describe_model(request: Request, name: ModelName) -> ModelMetadata:
    """Names, types and shapes of the tensors, and the versions that there are."""
    return await _metadata(request, name, None)


@router.get("/models/{name}/versions/{version}", summary="Describe the tensors of a model", responses=UNKNOWN)
async def describe_model_version(request: Request, name: ModelName, version: Version) -> ModelMetadata:
    """Names, types and shapes of this version's tensors."""
    return await _metadata(request, name, version)


@router.post(
    "/models/{name}/infer", summary="Predict", openapi_extra=BODY, response_model=InferResponse, responses=REFUSED
)
async def infer(request: Request, name: ModelName) -> Response:
    """One tensor `input` of raw pictures or rows in; `probabilities` and `label`, or `value`, out. Tensors are JSON, or
    bytes behind the JSON."""
    return await _within_time(request, name, None)


@router.post(
    "/models/{name}/versions/{version}/infer",
    summary="Predict with a version",
    openapi_extra=BODY,
    response_model=InferResponse,
    responses=REFUSED,
)
async def infer_version(request: Request, name: ModelName, version: Version) -> Response:
    """A prediction by a version of the name, or by a checkpoint of the run."""
    return await _within_time(request, name, version)


async def _serving(request: Request, name: str, version: int | None) -> Serving:
    caller: Caller = request.state.caller
    if name.startswith(RUN_PREFIX):
        asked = Asked(caller, name, version, None)
    else:
        asked = Asked(caller, None, None, name if version is None else f"{name}@{version}")
    serving: Serving = await request.app.state.predictions.weights.get(asked)
    return serving


async def _predictor(request: Request, serves: Serves) -> Predictor:
    predictor: Predictor = await request.app.state.predictions.models.get(serves.weights)
    return predictor


async def _metadata(request: Request, name: str, version: int | None) -> ModelMetadata:
    trained = (await _predictor(request, (await _serving(request, name, version)).choose())).trained
    is_picture = len(trained.input_shape) == 3
    taken = TensorMetadata(name=INPUT, datatype="UINT8" if is_picture else "FP32", shape=[-1, *trained.input_shape])
    database: Database = request.app.state.database.of(request.state.caller)
    versions = await run_by_cost(lambda: _versions(database, name), queries=1)
    return ModelMetadata(name=name, versions=versions, platform="pytorch", inputs=[taken], outputs=_outputs(trained))


def _versions(database: Database, name: str) -> list[str]:
    with database.read() as db:
        if name.startswith(RUN_PREFIX):
            return [str(checkpoint.step) for checkpoint in runs.checkpoints(db, name)]
        return [str(version.version) for version in reversed(models.history(db, name))]


def _outputs(trained: Trained) -> list[TensorMetadata]:
    if trained.task == "regression":
        return [TensorMetadata(name=VALUE, datatype="FP32", shape=[-1])]
    return [
        TensorMetadata(name=PROBABILITIES, datatype="FP32", shape=[-1, len(trained.classes)]),
        TensorMetadata(name=LABEL, datatype="BYTES", shape=[-1]),
    ]


async def _within_time(request: Request, name: str, version: int | None) -> Response:
    """The answer within the time that the header or the body allows. Raises DeadlineExceeded."""
    allowed = read_timeout(request)
    body = await request.body()
    sent, behind = await run_by_cost(lambda: parse(body, request.headers.get(HEADER)), bytes=len(body))
    seconds = min((limit for limit in (allowed, timeout_of(sent)) if limit is not None), default=None)
    return await within(seconds, _answered(request, name, version, sent, behind, seconds))


def sticky_of(sent: InferRequest) -> str | None:
    """The text of `parameters.sticky`; None without it."""
    sticky = sent.parameters.get("sticky")
    return None if sticky is None else str(sticky)


def priority_of(sent: InferRequest) -> int:
    """The number of `parameters.priority`; 0 stands for the default. Raises Invalid."""
    priority = sent.parameters.get("priority", 0)
    if type(priority) is not int or not 0 <= priority <= LAST:
        raise Invalid("inference_priority", "/parameters/priority", limit=LAST, default=NORMAL)
    return priority or NORMAL


def timeout_of(sent: InferRequest) -> float | None:
    """The seconds of `parameters.timeout`, which is in microseconds; 0 stands for none. Raises Invalid."""
    timeout = sent.parameters.get("timeout", 0)
    if type(timeout) is not int or not 0 <= timeout <= MOST_MICROSECONDS:
        raise Invalid("inference_timeout", "/parameters/timeout", limit=MOST_MICROSECONDS)
    return timeout / 1e6 or None


async def _answered(
    request: Request, name: str, version: int | None, sent: InferRequest, behind: bytes, seconds: float | None
) -> Response:
    serving = await _serving(request, name, version)
    serves = serving.choose(sticky_of(sent))
    predictor = await _predictor(request, serves)
    trained, priority = predictor.trained, priority_of(sent)
    predictor.batcher.admit(seconds, priority)
    inputs = await run_by_cost(lambda: read_inputs(sent, behind, trained), bytes=len(await request.body()))
    service: PredictionService = request.app.state.predictions
    service.rates.count(request.state.caller, len(inputs))
    with service.live:
        batched = await while_connected(request, predictor.batcher.run(inputs, priority))
    rows = batched.rows
    if None in rows:
        raise Conflict("outputs_not_finite")
    seen = Answered(predictor, request.state.caller.owner, inputs, rows, batched.seconds)
    logged = service.observers.see(serving, serves, seen)
    answer = InferResponse(
        model_name=name,
        model_version="" if version is None else str(version),
        id=sent.id,
        parameters={"run": serves.run} | ({"logged": " ".join(logged)} if logged else {}),
        outputs=[],
    )
    content, json_length = await run_by_cost(
        lambda: write(answer, sent, outputs_of(rows, trained)), labels=len(rows) * (1 + len(trained.classes))
    )
    if json_length is None:
        return Response(content, media_type=JSON)
    return Response(content, media_type=BYTES, headers={HEADER: str(json_length)})
