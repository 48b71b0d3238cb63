"""One batch through an untrained network and back."""

from typing import Annotated, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from app.api.deps import DatabaseDep, FilesDep
from app.api.problems import problems
from app.api.schemas.answers import Warned
from app.datasets.arrays import Arrays
from app.datasets.prepared import prepared
from app.datasets.splits import SplitSpec, stored_split
from app.errors import Conflict, Invalid, Malformed, NotFound
from app.insight.analysis import backpropagation
from app.insight.analysis import trace as traced
from app.learning.layers.serialization import layers_from_json
from app.learning.losses import loss_from_json
from app.learning.presets import PRESETS, under
from app.runs.request_model import RequestModel, Text
from app.runs.requests import ModelRequest, RunRequest
from app.runs.resolution import folder_of, resolve
from app.storage import datasets
from app.storage.jsonable import Number, number

router = APIRouter(tags=["architectures"], responses=problems(Invalid))


class TraceRequest(RequestModel):
    """What a run with these fields would begin with; all else is as a run has it by default, or the preset says."""

    dataset: Text = Field(examples=["notmnist"])
    model: ModelRequest = Field(default_factory=ModelRequest)
    batch_size: Annotated[int, Field(ge=1, le=10**7)] | Literal["full"] | None = Field(
        None, description='128, or the preset\'s, unless given; "full" takes all training examples'
    )
    seed: int = Field(0, ge=0, lt=2**63)

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "dataset": "notmnist",
                    "model": {"layers": [{"type": "linear", "units": 256}, {"type": "relu"}]},
                    "batch_size": 128,
                    "seed": 0,
                }
            ]
        }
    )

    def as_run(self) -> RunRequest:
        """The run's request."""
        recipe = PRESETS[self.model.preset].request if self.model.preset else {}
        given = self.model_dump(include={"dataset", "batch_size", "seed"}, exclude_none=True)
        return RunRequest.model_validate(under(recipe, given) | {"model": self.model})


class NumbersAnswer(BaseModel):
    """How the numbers of a tensor are spread."""

    mean: Number = Field(examples=[0.07])
    std: Number = Field(examples=[0.12])
    norm: Number = Field(description="the root of the sum of squares", examples=[25.1])
    zeros: float = Field(description="the share that is exactly 0", examples=[0.49])
    saturated: float | None = Field(
        None,
        description="of a sigmoid's or tanh's output: the share where its slope is below a twelfth of the steepest",
    )


class ParameterAnswer(BaseModel):
    name: str = Field(description="as in the module's state_dict", examples=["1.weight"])
    shape: list[int] = Field(examples=[[256, 784]])
    values: NumbersAnswer
    gradient_before: NumbersAnswer | None = Field(description="before backward there is none: null", examples=[None])
    gradient: NumbersAnswer | None = Field(description="null where the layer does not learn")


class TracedLayerAnswer(BaseModel):
    type: str = Field(examples=["linear"])
    pointer: str | None = Field(description="to the layer of the run's request; null for one that nobody wrote")
    output_shape: list[int] = Field(description="without the batch, channels first", examples=[[256]])
    output: NumbersAnswer
    gradient: NumbersAnswer | None = Field(
        description="of the loss by the layer's output; null where nothing before it learns"
    )
    grad_fn: str | None = Field(description="what autograd will call on the way back", examples=["AddmmBackward0"])
    parameters: list[ParameterAnswer]


class ExampleAnswer(BaseModel):
    """The first example of the batch."""

    index: int = Field(description="in the dataset", examples=[17])
    target: str | float = Field(description="its class, or its value as the network is to give it", examples=["A"])
    output: list[Number] = Field(description="what the untrained network gives", examples=[[0.03, -0.1]])
    loss: Number = Field(examples=[2.31])


class MatrixAnswer(BaseModel):
    name: str = Field(examples=["∂L/∂W₁"])
    shape: list[int] = Field(examples=[[3, 2]])
    values: list[list[Number]] | None = Field(description="by rows; null where there are over 256")


class ProductAnswer(BaseModel):
    """One line of the calculation."""

    direction: Literal["forward", "backward"]
    pointer: str | None = Field(description="to the layer; null for the loss")
    formula: str = Field(examples=["∂L/∂W₁ = Xᵀ·∂L/∂Z₁"])
    factors: list[MatrixAnswer]
    result: MatrixAnswer


class ByHandAnswer(BaseModel):
    """Backpropagation, product by product, in float64. A row is an example."""

    products: list[ProductAnswer]
    largest_difference: Number = Field(description="of the parameters' gradients from autograd's, in float32")


class TraceAnswer(BaseModel):
    """By layer, from the input to the output."""

    batch_size: int = Field(description="as it was: no more than the training part has", examples=[128])
    inputs: NumbersAnswer
    layers: list[TracedLayerAnswer]
    loss: Number = Field(examples=[2.32])
    blind_guess: Number = Field(
        description="the loss of the best prediction that is the same for every example", examples=[2.303]
    )
    grad_fn: list[str] = Field(
        description="autograd's way back, from the loss on",
        examples=[["NllLossBackward0", "LogSoftmaxBackward0", "AddmmBackward0", "ReluBackward0", "AddmmBackward0"]],
    )
    example: ExampleAnswer
    by_hand: ByHandAnswer | None
    warnings: list[Warned]


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
