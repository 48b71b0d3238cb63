"""Predictions with a trained run, in eval mode under `torch.no_grad()`."""

import math
from collections.abc import Sequence
from typing import NamedTuple, cast

import torch
from fastapi import APIRouter, Request, Response

from app.api.inputs import Conversion, Inputs, read_inputs
from app.api.problems import BINARY, problems
from app.api.query import parameters, read_query
from app.api.schemas.predict import Label, LabelPrediction, PredictAnswer, Preprocessing, Question, ValuePrediction
from app.datasets.images.codec import Background, Resize
from app.errors import Conflict, Invalid, Malformed, NotFound, UnsupportedMediaType
from app.learning.serialization import Trained
from app.messages import Fix
from app.serving.coalescing import SingleFlight
from app.serving.executor import run_by_cost
from app.serving.instances import Column
from app.serving.model_cache import LoadedModels
from app.storage import datasets, models, runs
from app.storage.database import Database

router = APIRouter(tags=["predict"])

AT_ONCE = 256  # inputs per forward pass, since each needs memory


class Asked(NamedTuple):
    """The requested run (and checkpoint step) or model. If neither: the model `default`, else the newest run."""

    run: str | None
    step: int | None
    model: str | None


class Serves(NamedTuple):
    """The run that predicts, the model name that led to it, and the file of its weights."""

    run: str
    model: str | None
    weights: str


WeightsQueries = SingleFlight[Asked, Serves]
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


def weights_queries(database: Database) -> WeightsQueries:
    """Coalesced queries for a run and its weights file: concurrent requests for the same one share a query."""

    def find(asked: Asked) -> Serves:
        with database.read() as db:
            name = asked.model
            if asked.run is not None:
                step = asked.step
                weights = runs.weights(db, asked.run) if step is None else runs.checkpoint_weights(db, asked.run, step)
            elif name is not None:
                weights = models.weights(db, name)
            elif default := models.default_weights(db):
                name, weights = models.DEFAULT, default
            elif newest := runs.newest_weights(db):
                weights = newest
            else:
                raise NotFound("nothing_to_predict_with")
        if weights.weights is None:
            raise Conflict("run_cannot_predict", status=weights.status, phrase=runs.status_phrase(weights.status))
        return Serves(weights.id, name, weights.weights)

    return SingleFlight.in_threads(find)


@router.post("/predict", summary="Classify pictures, or predict from table rows",
             openapi_extra=BODY | {"parameters": parameters(Question)}, response_model=PredictAnswer,
             responses=problems(Invalid, Malformed, NotFound, Conflict, UnsupportedMediaType))  # fmt: skip
async def predict(request: Request) -> Response:
    """Send one picture as the raw body (`curl --data-binary @a.png -H 'Content-Type: image/png'`), or one or more as
    multipart (`curl -F image=@a.png`). Or send JSON: `{"instances": [[…784 numbers…]]}`, for a table also
    `{"instances": [{"age": 59, …}]}` with a value for each column.

    If several pictures are sent, `errors` points to the bad ones: `/image/1` is the second.

    Limits of one request: 64 MB of pictures with 100,000,000 pixels in total, or 2 MB of JSON."""
    asked = read_query(Question, request)
    if asked.run is not None and asked.model is not None:
        raise Invalid("run_and_model", "model", Fix("model", None))
    if asked.step is not None and asked.run is None:
        raise Invalid("step_without_run", "run")
    weights_of: WeightsQueries = request.app.state.weights
    loaded: LoadedModels = request.app.state.models
    serves = await weights_of.get(Asked(asked.run, asked.step, asked.model))
    trained = await loaded.get(serves.weights)

    def columns() -> Sequence[Column]:
        database: Database = request.app.state.database
        with database.read() as db:
            named = datasets.columns(db, serves.run)
        return [Column(name, None if categories is None else tuple(categories)) for name, categories in named]

    resize = cast(Resize, trained.resize) if asked.fit else None
    conversion = Conversion(resize, asked.background or cast(Background, trained.background), asked.invert)
    inputs = await read_inputs(request, trained, conversion, columns)

    def answered() -> bytes:
        explanation = preprocessing(trained, conversion, inputs) if asked.explain else None
        predictions = answers(trained, torch.from_numpy(inputs.values), asked.top, asked.logits)
        answer = PredictAnswer(run=serves.run, model=serves.model, preprocessing=explanation, predictions=predictions)
        return answer.model_dump_json().encode()

    count = len(inputs.values)
    labels = count * (1 + len(trained.classes))
    content = await run_by_cost(answered, products=count * trained.multiply_adds, labels=labels)
    return Response(content, media_type="application/json")


def preprocessing(trained: Trained, conversion: Conversion, inputs: Inputs) -> Preprocessing:
    return Preprocessing(
        input_shape=list(trained.input_shape),
        shift=list(trained.prepare_inputs.shift),
        scale=list(trained.prepare_inputs.scale),
        fill=list(trained.prepare_inputs.fill),
        fit=conversion.resize is not None,
        resize=conversion.resize,
        background=conversion.background,
        inverted=inputs.inverted,
    )


def answers(
    trained: Trained, inputs: torch.Tensor, top: str, logits: bool
) -> list[LabelPrediction] | list[ValuePrediction]:
    """Predict labels with probabilities, or values, from raw inputs (N, *input_shape). Raises Conflict for NaN or ∞."""
    outputs = torch.cat([trained.outputs(inputs[i : i + AT_ONCE]) for i in range(0, len(inputs), AT_ONCE)])
    if not math.isfinite(outputs.sum(dtype=torch.float64)):
        raise Conflict("outputs_not_finite")
    if trained.task == "regression":
        return [ValuePrediction(value=value) for value in outputs.tolist()]
    classes = len(trained.classes)
    count = classes if top == "all" else min(int(top), classes)
    predictions: list[LabelPrediction] = []
    probabilities, labels = trained.output_kind.probabilities(outputs), trained.output_kind.labels(outputs)
    # Stable, like argmax: of equal probabilities the first one is the label and comes first.
    chances, order = (part[:, :count].tolist() for part in probabilities.sort(descending=True, stable=True))
    has_logits = trained.output_kind.kind != "probabilities"
    for row, label in enumerate(labels.tolist()):
        pairs = zip(order[row], chances[row], strict=True)
        predictions.append(
            LabelPrediction(
                label=trained.classes[label],
                probability=float(probabilities[row, label]),
                top=[Label(label=trained.classes[k], probability=p) for k, p in pairs],
                logits=outputs[row].tolist() if logits and has_logits else None,
            )
        )
    return predictions
