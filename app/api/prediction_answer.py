"""Answer to a prediction."""

import json
from collections.abc import Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from fastapi import Request, Response
from numpy.typing import NDArray
from pydantic_core import to_json

from app.api.headers import header, preferred
from app.api.schemas.predict import Preprocessing, Question
from app.errors import Invalid
from app.learning.serialization import Trained
from app.messages import Message
from app.plots.saliency import saliency_png
from app.serving.decoding import Conversion, Inputs
from app.serving.explanation import MOST, Saliency
from app.serving.predictor import Predictor
from app.serving.scores import Row
from app.serving.weights import Serves

FORMATS = ("application/json", "text/plain", "text/csv")
DRAWN = (*FORMATS, "image/png")


class Answer(NamedTuple):
    """All that an answer may say."""

    serves: Serves
    rows: Sequence[Row]
    inputs: Inputs
    conversion: Conversion
    saliency: Sequence[Saliency] | None
    logged: Sequence[str] | None = None


def write_answer(request: Request, predictor: Predictor, answer: Answer, asked: Question) -> Response:
    """The answer as JSON (`PredictAnswer`); or as text, a table or a picture if the client prefers that."""
    accept = preferred(header(request.scope, b"accept") or "", FORMATS if answer.saliency is None else DRAWN)
    write, rows, names = predictor.write, answer.rows, answer.inputs.names
    if accept == "image/png" and answer.saliency is not None:
        return Response(_drawn(answer.inputs.values, answer.saliency), media_type="image/png")
    if accept == "text/plain":
        return Response(write.text(rows), media_type="text/plain")
    if accept == "text/csv":
        numbered = [str(place) for place in range(1, len(rows) + 1)]
        return Response(write.csv(rows, names or numbered), media_type="text/csv")
    count = None if asked.top == "all" else int(asked.top)
    explanation = None
    if asked.explain == "preprocessing":
        explanation = _preprocessing(predictor.trained, answer.conversion, answer.inputs).model_dump_json()
    members = [
        _names(answer.serves.run, answer.serves.model),
        f'"preprocessing":{explanation or "null"}',
    ]
    if names is not None:
        members.append(f'"inputs":{json.dumps(names)}')
    if answer.logged is not None:
        members.append(f'"logged":{json.dumps(answer.logged)}')
    if answer.saliency is not None:
        members.append(f'"saliency":{to_json(answer.saliency).decode()}')
    predictions = ",".join([write.json(row, count, asked.logits) for row in rows])
    content = f'{{{",".join(members)},"predictions":[{predictions}]}}'
    return Response(content.encode(), media_type="application/json")


@lru_cache(1024)
def _names(run: str, model: str | None) -> str:
    """The names of the run and the model as members of a JSON object."""
    return f'"run":{json.dumps(run)},"model":{json.dumps(model)}'


def _drawn(pictures: NDArray[Any], saliency: Sequence[Saliency]) -> bytes:
    """The saliency of a single picture as a PNG. Raises Invalid for others."""
    if len(pictures) != 1 or pictures.ndim != 4:
        raise Invalid("one_picture_drawn", "explain", count=len(pictures))
    return saliency_png(pictures[0].astype(np.uint8), np.array(saliency[0].values, np.float32))


def _preprocessing(trained: Trained, conversion: Conversion, inputs: Inputs) -> Preprocessing:
    wanted, is_picture = conversion.wanted, len(trained.input_shape) == 3
    flat = inputs.values.reshape(len(inputs.values), -1)
    uniform = (flat == flat[:, :1]).all(1)
    return Preprocessing(
        input_shape=list(trained.input_shape),
        shift=list(trained.prepare_inputs.shift),
        scale=list(trained.prepare_inputs.scale),
        fill=list(trained.prepare_inputs.fill),
        fit=wanted.resize is not None,
        resize=wanted.resize,
        background=wanted.background,
        depth=wanted.depth,
        margin=wanted.margin,
        inverted=inputs.inverted,
        uniform=uniform.tolist() if is_picture else [],
        remarks=[Message.of("picture_uniform", place=place).text() for place in np.flatnonzero(uniform) if is_picture],
        seen=inputs.values.tolist() if is_picture and len(inputs.values) <= MOST else None,
    )
