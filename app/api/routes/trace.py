"""Trace of one forward and backward pass through an untrained network."""

from typing import Annotated

from fastapi import Query

from app.api.deps import SLOW, DatabaseDep, FilesDep
from app.api.problems import problems
from app.api.router import Router
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
from app.api.scopes import READ
from app.datasets.arrays import Arrays
from app.datasets.prepared import prepared
from app.datasets.splits import SplitSpec, stored_split
from app.errors import Conflict, Invalid, Malformed, NotFound
from app.insight.analysis import backpropagation
from app.insight.analysis import trace as traced
from app.learning.layers.serialization import layers_from_json
from app.learning.losses import loss_from_json
from app.runs.resolution import folder_of, resolve
from app.storage import datasets
from app.storage.jsonable import number

router = Router(tags=["architectures"], responses=problems(Invalid), dependencies=[READ])


@router.post("/architectures/trace", summary="Trace one batch forward and backward through an untrained network",
             responses=problems(NotFound, Malformed, Conflict), dependencies=[SLOW])  # fmt: skip
def trace_architecture(
    body: TraceRequest,
    database: DatabaseDep,
    files: FilesDep,
    by_hand: Annotated[
        bool, Query(description="write out each product of backpropagation; only for linear layers and activations")
    ] = False,
) -> TraceAnswer:
    """The trace has the weights and examples of a run's first step.

    A trace that would take over half a second is refused; the error suggests a smaller batch size.
    """
    with database.read() as db:
        dataset = datasets.get(db, body.dataset)
    request, warnings = resolve(body.as_run(), dataset, files)
    try:
        arrays = Arrays.load(files, folder := folder_of(dataset))
    except FileNotFoundError as error:
        raise NotFound("dataset_deleted", dataset=dataset.name) from error
    layers = layers_from_json(request["model"]["layers"])
    traced_batch = traced.trace(
        layers,
        arrays.shape,
        loss_from_json(request["loss"]),
        prepared(arrays, stored_split(files, folder, arrays, SplitSpec.of(request["split"]), keep=False), request),
        None if request["batch_size"] == "full" else request["batch_size"],
        request["seed"],
        hand=by_hand,
    )
    target = traced_batch.example_target
    return TraceAnswer(
        batch_size=traced_batch.batch_size,
        inputs=_numbers(traced_batch.inputs),
        layers=[_layer(layer) for layer in traced_batch.layers],
        loss=number(traced_batch.loss),
        blind_guess=number(traced_batch.blind_guess),
        grad_fn=traced_batch.grad_fn,
        example=ExampleAnswer(
            index=traced_batch.index,
            target=arrays.classes[int(target)] if arrays.classes else target,
            output=[number(value) for value in traced_batch.example],
            loss=number(traced_batch.example_loss),
        ),
        by_hand=None if traced_batch.by_hand is None else _by_hand(traced_batch.by_hand),
        warnings=[Warned(**warning) for warning in warnings],
    )


def _numbers(summary: traced.Numbers) -> NumbersAnswer:
    return NumbersAnswer(
        mean=number(summary.mean),
        std=number(summary.std),
        norm=number(summary.norm),
        zeros=summary.zeros,
        saturated=summary.saturated,
    )


def _numbers_of(summary: traced.Numbers | None) -> NumbersAnswer | None:
    return None if summary is None else _numbers(summary)


def _layer(layer: traced.TracedLayer) -> TracedLayerAnswer:
    return TracedLayerAnswer(
        type=layer.type,
        pointer=None if layer.implied else layer.pointer,
        output_shape=list(layer.output_shape),
        output=_numbers(layer.output),
        gradient=_numbers_of(layer.gradient),
        grad_fn=layer.grad_fn,
        parameters=[
            ParameterAnswer(
                name=parameter.name,
                shape=list(parameter.shape),
                values=_numbers(parameter.values),
                gradient_before=_numbers_of(parameter.gradient_before),
                gradient=_numbers_of(parameter.gradient),
            )
            for parameter in layer.parameters
        ],
    )


def _by_hand(written_out: backpropagation.WrittenOut) -> ByHandAnswer:
    return ByHandAnswer(
        products=[
            ProductAnswer(
                direction=product.direction,
                pointer=product.pointer,
                formula=product.formula,
                factors=[_matrix(factor) for factor in product.factors],
                result=_matrix(product.result),
            )
            for product in written_out.products
        ],
        largest_difference=number(written_out.largest_difference),
    )


def _matrix(tensor: backpropagation.Matrix) -> MatrixAnswer:
    values = None if tensor.values is None else [[number(value) for value in row] for row in tensor.values]
    return MatrixAnswer(name=tensor.name, shape=list(tensor.shape), values=values)
