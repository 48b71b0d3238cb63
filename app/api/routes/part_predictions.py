"""Predictions of a run for each example of a part of its dataset."""

from typing import Annotated

import numpy as np
from fastapi import Query

from app.api.dataset_deps import Part
from app.api.deps import SLOW, DatabaseDep, FilesDep, Limit, RunDep
from app.api.problems import problems
from app.api.router import Router
from app.api.schemas.part_predictions import ExamplePage, PredictedExample
from app.api.scopes import READ
from app.datasets.splits import SplitSpec
from app.errors import Conflict, Invalid, NotFound
from app.runs.resolution import folder_of
from app.serving.part_predictions import PartPredictions, part_predictions
from app.storage import datasets, runs
from app.storage.jsonable import number

router = Router(
    prefix="/runs/{id}", tags=["runs"], responses=problems(NotFound, Invalid, Conflict), dependencies=[READ]
)

OfClass = Annotated[str | None, Query(max_length=200, description="only examples of this class", examples=["A"])]
AsClass = Annotated[
    str | None, Query(max_length=200, description="only examples that are taken for this class", examples=["J"])
]


@router.get("/examples", summary="List examples with their predictions", dependencies=[SLOW])
def list_examples(
    run: RunDep,
    database: DatabaseDep,
    files: FilesDep,
    part: Annotated[Part, Query(description="the part of the dataset")] = "test",
    label: OfClass = None,
    predicted: AsClass = None,
    mistakes: Annotated[bool, Query(description="leave out what is right; a value is never right")] = False,
    limit: Limit = 50,
) -> ExamplePage:
    """The examples behind a cell of the confusion matrix, and the most confident mistakes; for a regression the largest
    errors. `GET /datasets/{id}/images/{index}.png` shows one of them."""
    weights = runs.served_file(run)
    with database.read() as db:
        dataset = datasets.get(db, run.dataset)
    classes = [known["label"] for known in dataset.about["classes"]]
    for field, name in (("label", label), ("predicted", predicted)):
        if name is not None and name not in classes:
            raise Invalid("no_such_class", field, label=name, classes=classes)
    try:
        whole = part_predictions(files, weights, folder_of(dataset), SplitSpec.of(run.request["split"]), part)
    except FileNotFoundError as error:
        raise NotFound("dataset_deleted", dataset=dataset.name) from error
    chosen = np.ones(len(whole.indices), bool)
    if label is not None:
        chosen &= whole.targets == classes.index(label)
    if predicted is not None:
        chosen &= whole.predicted == classes.index(predicted)
    if mistakes:
        chosen &= whole.targets != whole.predicted
    matching = whole.at(chosen)
    return ExamplePage(part=part, count=len(matching.indices), items=_items(matching, classes, limit))


def _items(predictions: PartPredictions, classes: list[str], limit: int) -> list[PredictedExample]:
    columns = (predictions.indices, predictions.targets, predictions.predicted)
    indices, targets, predicted = (column[:limit].tolist() for column in columns)
    if predictions.probability is None:
        rows = zip(indices, map(number, targets), map(number, predicted), strict=True)
        return [PredictedExample(index=i, label=y, predicted=guess, probability=None) for i, y, guess in rows]
    sure = map(number, predictions.probability[:limit].tolist())
    return [
        PredictedExample(index=index, label=classes[target], predicted=classes[guess], probability=probability)
        for index, target, guess, probability in zip(indices, targets, predicted, sure, strict=True)
    ]
