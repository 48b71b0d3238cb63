"""Logged predictions of a model: look at them, say what is right, and see how good the model is."""

import io
from typing import Annotated

import numpy as np
from fastapi import Path, Query, Response

from app.api.deps import SLOW, Cursor, DatabaseDep, Limit, ModelName
from app.api.problems import binary, problems
from app.api.router import Router
from app.api.schemas.feedback import (
    A_PREDICTION,
    Correction,
    FeedbackAnswer,
    PredictionAnswer,
    PredictionPage,
    feedback_answer,
    prediction_answer,
)
from app.api.scopes import PREDICT, READ
from app.errors import Conflict, Forbidden, Invalid, Malformed, NotFound
from app.storage import models, predictions
from app.storage.packed_inputs import unpack

router = Router(tags=["models"], responses=problems(Invalid, NotFound))

PredictionId = Annotated[
    str, Path(max_length=100, description="id of a prediction, from `logged` of an answer", examples=[A_PREDICTION])
]
FILE = "application/octet-stream"


@router.post(
    "/predictions/{id}/label",
    summary="Say what is right for an input",
    responses=problems(Conflict, Forbidden, Malformed),
    dependencies=[PREDICT],
)
def correct_prediction(id: PredictionId, body: Correction, database: DatabaseDep) -> PredictionAnswer:
    """For predictions that one has asked for oneself; `logged` of the answer has their ids. They are stored about a
    second after the answer. A later correction replaces an earlier one."""
    with database.write() as db:
        return prediction_answer(predictions.correct(db, id, body.label, body.value))


@router.get("/models/{name}/predictions", summary="List logged predictions, newest first", dependencies=[READ])
def list_predictions(
    name: ModelName,
    database: DatabaseDep,
    labelled: Annotated[bool | None, Query(description="only those with a correction, or only those without")] = None,
    limit: Limit = 50,
    cursor: Cursor = None,
) -> PredictionPage:
    """Predictions that one has asked for oneself, with their inputs. A model logs if `log` says which share of the
    requests; the newest 1,000 are kept, and 10,000 with a correction."""
    with database.read() as db:
        page = predictions.page(db, models.history(db, name)[0], labelled, limit, cursor)
        return PredictionPage(items=[prediction_answer(item) for item in page.items], next=page.next)


@router.get("/models/{name}/feedback", summary="See how good a model is by corrections", dependencies=[READ])
def get_feedback(name: ModelName, database: DatabaseDep) -> FeedbackAnswer:
    """Accuracy on the logged predictions that people have corrected or confirmed, of all clients."""
    with database.read() as db:
        version = models.history(db, name)[0]
        return feedback_answer(version, predictions.feedback(db, version))


@router.get(
    "/models/{name}/feedback.npz",
    summary="Download corrected predictions as a dataset",
    response_class=Response,
    responses=binary(FILE) | problems(Conflict),
    dependencies=[READ, SLOW],
)
def get_corrected(name: ModelName, database: DatabaseDep) -> Response:
    """Inputs with their right classes or values, of the predictions that one has asked for oneself; an upload to
    `POST /datasets` makes them a dataset to train with."""
    with database.read() as db:
        items = predictions.corrected(db, models.history(db, name)[0])
    if not items:
        raise Conflict("nothing_corrected", model=name)
    targets = [item.true_label if item.label is not None else item.true_value for item in items]
    inputs = np.stack([unpack(item.content) for item in items])
    if inputs.ndim == 4:  # a dataset's pictures are bytes; those of JSON may be fractions
        inputs = inputs.clip(0, 255).round().astype(np.uint8)
    file = io.BytesIO()
    np.savez_compressed(file, inputs=inputs, targets=np.array(targets))
    head = {"Content-Disposition": f'attachment; filename="{name}-corrected.npz"'}
    return Response(file.getvalue(), media_type=FILE, headers=head)
