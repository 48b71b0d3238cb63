"""Request and response models of traces."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.api.schemas.runs import Warned
from app.learning.presets import PRESETS, under
from app.runs.request_model import RequestModel, Text
from app.runs.requests import ModelRequest, RunRequest
from app.storage.jsonable import Number


class TraceRequest(RequestModel):
    """The fields of a run that determine its first step. All other fields have the defaults of a run or of the
    preset."""

    dataset: Text = Field(examples=["notmnist"], description="id or name of a dataset")
    model: ModelRequest = Field(default_factory=ModelRequest, description="the network, as for POST /runs")
    batch_size: Annotated[int, Field(ge=1, le=10**7)] | Literal["full"] | None = Field(
        None, description='by default that of a run with this request; "full" is all training examples'
    )
    seed: int = Field(0, ge=0, lt=2**63, description="seed of the split, the initial weights and the batch")

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
    """Statistics of a tensor's numbers."""

    mean: Number = Field(examples=[0.07], description="mean of the numbers")
    std: Number = Field(examples=[0.12], description="standard deviation of the numbers")
    norm: Number = Field(description="L2 norm: the root of the sum of squares", examples=[25.1])
    zeros: float = Field(description="share of numbers that are exactly 0", examples=[0.49])
    saturated: float | None = Field(
        None,
        description="only for outputs of a sigmoid or tanh: share where the slope is below 1/12 of its maximum",
    )


class ParameterAnswer(BaseModel):
    name: str = Field(description="as in the module's state_dict", examples=["1.weight"])
    shape: list[int] = Field(examples=[[256, 784]], description="shape of the tensor")
    values: NumbersAnswer = Field(description="the initial values")
    gradient_before: NumbersAnswer | None = Field(
        description="null: there is no gradient before the backward pass", examples=[None]
    )
    gradient: NumbersAnswer | None = Field(description="null if the layer does not learn")


class TracedLayerAnswer(BaseModel):
    type: str = Field(examples=["linear"], description="the layer's type; see GET /layers")
    pointer: str | None = Field(
        description="JSON pointer to the layer in the run's request; null for a layer that the service added"
    )
    output_shape: list[int] = Field(description="without the batch dimension, channels first", examples=[[256]])
    output: NumbersAnswer = Field(description="the layer's output for the whole batch")
    gradient: NumbersAnswer | None = Field(
        description="gradient of the loss with respect to the layer's output; null if no layer up to it learns"
    )
    grad_fn: str | None = Field(
        description="the function that autograd calls in the backward pass", examples=["AddmmBackward0"]
    )
    parameters: list[ParameterAnswer] = Field(description="the layer's parameters; none if it has nothing to learn")


class ExampleAnswer(BaseModel):
    """The first example of the batch."""

    index: int = Field(description="index in the dataset", examples=[17])
    target: str | float = Field(description="its class, or its scaled target value", examples=["A"])
    output: list[Number] = Field(description="output of the untrained network", examples=[[0.03, -0.1]])
    loss: Number = Field(examples=[2.31], description="loss of this example")


class MatrixAnswer(BaseModel):
    name: str = Field(examples=["∂L/∂W₁"], description="the symbol in the formulas")
    shape: list[int] = Field(examples=[[3, 2]], description="rows and columns")
    values: list[list[Number]] | None = Field(description="by rows; null for more than 256 values")


class ProductAnswer(BaseModel):
    """One line of the calculation."""

    direction: Literal["forward", "backward"] = Field(description="forward pass or backward pass")
    pointer: str | None = Field(description="JSON pointer to the layer; null for the loss")
    formula: str = Field(examples=["∂L/∂W₁ = Xᵀ·∂L/∂Z₁"], description="the line as a formula")
    factors: list[MatrixAnswer] = Field(description="the matrices on the right-hand side")
    result: MatrixAnswer = Field(description="the matrix on the left-hand side")


class ByHandAnswer(BaseModel):
    """Backpropagation, product by product, in float64. Each row of a matrix is one example."""

    products: list[ProductAnswer] = Field(description="the lines in the order of the calculation")
    largest_difference: Number = Field(
        description="between these gradients of the parameters and those of autograd in float32"
    )


class TraceAnswer(BaseModel):
    """A trace. The layers are in order from input to output."""

    batch_size: int = Field(description="at most the size of the training part", examples=[128])
    inputs: NumbersAnswer = Field(description="the batch after preprocessing")
    layers: list[TracedLayerAnswer] = Field(description="the layers from input to output")
    loss: Number = Field(examples=[2.32], description="the loss of the batch")
    blind_guess: Number = Field(description="the loss of the best constant prediction", examples=[2.303])
    grad_fn: list[str] = Field(
        description="autograd's functions of the backward pass, beginning at the loss",
        examples=[["NllLossBackward0", "LogSoftmaxBackward0", "AddmmBackward0", "ReluBackward0", "AddmmBackward0"]],
    )
    example: ExampleAnswer = Field(description="one example of the batch, with the network's output")
    by_hand: ByHandAnswer | None = Field(description="only with by_hand=true")
    warnings: list[Warned] = Field(description="the warnings that a run with this request has")
