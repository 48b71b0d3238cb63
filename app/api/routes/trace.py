"""One batch through an untrained network and back."""

from typing import Annotated

from fastapi import APIRouter, Query

from app.api.deps import DatabaseDep, FilesDep
from app.api.problems import problems
from app.api.schemas.runs import Warned
from app.api.schemas.trace import (
    ByHandAnswer,
    ExampleAnswer,
    MatrixAnswer,
    NumbersAnswer,
    ParameterAnswer,
    ProductAnswer,
    TraceAnswer,
    TracedLayerAnswer,
    TraceRequest,
)
from app.datasets.arrays import Arrays
from app.datasets.prepared import prepared
from app.datasets.splits import SplitSpec, stored_split
from app.errors import Conflict, Invalid, Malformed, NotFound
from app.insight.analysis import backpropagation
from app.insight.analysis import trace as traced
from app.learning.losses import loss_from_json
from app.learning.serialization import layers_from_json
from app.runs.resolution import folder_of, resolve
from app.storage import datasets
from app.storage.jsonable import number

router = APIRouter(tags=["architectures"], responses=problems(Invalid))


@router.post("/architectures/trace", summary="One batch through an untrained network and back",
             responses=problems(NotFound, Malformed, Conflict))  # fmt: skip
def trace(
    body: TraceRequest,
    database: DatabaseDep,
    files: FilesDep,
    by_hand: Annotated[
        bool, Query(description="write out each product of backpropagation; for linear layers and activations")
    ] = False,
) -> TraceAnswer:
    """The same weights and examples that the first step of such a run has. What would take over half a second is
    refused with the batch that would not."""
    with database.read() as db:
        dataset = datasets.get(db, body.dataset)
    request, warnings = resolve(body.as_run(), dataset, files)
    try:
        arrays = Arrays.load(files, folder := folder_of(dataset))
    except FileNotFoundError as error:
        raise NotFound(f"the dataset {dataset.name!r} has just been deleted") from error
    layers = layers_from_json(request["model"]["layers"])
    found = traced.trace(
        layers,
        arrays.shape,
        loss_from_json(request["loss"]),
        prepared(arrays, stored_split(files, folder, arrays, SplitSpec.of(request["split"]), keep=False), request),
        None if request["batch_size"] == "full" else request["batch_size"],
        request["seed"],
        hand=by_hand,
    )
    target = found.example_target
    return TraceAnswer(
        batch_size=found.batch_size,
        inputs=_numbers(found.inputs),
        layers=[_layer(layer) for layer in found.layers],
        loss=number(found.loss),
        blind_guess=number(found.blind_guess),
        grad_fn=found.grad_fn,
        example=ExampleAnswer(
            index=found.index,
            target=arrays.classes[int(target)] if arrays.classes else target,
            output=[number(value) for value in found.example],
            loss=number(found.example_loss),
        ),
        by_hand=None if found.by_hand is None else _by_hand(found.by_hand),
        warnings=[Warned(**warning) for warning in warnings],
    )


def _numbers(found: traced.Numbers) -> NumbersAnswer:
    return NumbersAnswer(
        mean=number(found.mean),
        std=number(found.std),
        norm=number(found.norm),
        zeros=found.zeros,
        saturated=found.saturated,
    )


def _numbers_of(found: traced.Numbers | None) -> NumbersAnswer | None:
    return None if found is None else _numbers(found)


def _layer(found: traced.TracedLayer) -> TracedLayerAnswer:
    return TracedLayerAnswer(
        type=found.type,
        pointer=None if found.implied else found.pointer,
        output_shape=list(found.output_shape),
        output=_numbers(found.output),
        gradient=_numbers_of(found.gradient),
        grad_fn=found.grad_fn,
        parameters=[
            ParameterAnswer(
                name=parameter.name,
                shape=list(parameter.shape),
                values=_numbers(parameter.values),
                gradient_before=_numbers_of(parameter.gradient_before),
                gradient=_numbers_of(parameter.gradient),
            )
            for parameter in found.parameters
        ],
    )


def _by_hand(found: backpropagation.ByHand) -> ByHandAnswer:
    return ByHandAnswer(
        products=[
            ProductAnswer(
                direction=product.direction,
                pointer=product.pointer,
                formula=product.formula,
                factors=[_matrix(factor) for factor in product.factors],
                result=_matrix(product.result),
            )
            for product in found.products
        ],
        largest_difference=number(found.largest_difference),
    )


def _matrix(found: backpropagation.Matrix) -> MatrixAnswer:
    values = None if found.values is None else [[number(value) for value in row] for row in found.values]
    return MatrixAnswer(name=found.name, shape=list(found.shape), values=values)
