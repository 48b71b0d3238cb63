"""Request and response models of trace."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.api.schemas.runs import Warned
from app.learning.presets import PRESETS, under
from app.runs.request_model import RequestModel, Text
from app.runs.requests import ModelRequest, RunRequest
from app.storage.jsonable import Number


class TraceRequest(RequestModel):
    """The start of a run: the fields that decide its first step. Other fields have the defaults of a run or of the
    preset."""

    dataset: Text = Field(examples=["notmnist"])
    model: ModelRequest = Field(default_factory=ModelRequest)
    batch_size: Annotated[int, Field(ge=1, le=10**7)] | Literal["full"] | None = Field(
        None, description='that of a run with this request, unless given; "full" takes all training examples'
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
    """Distribution of the numbers of a tensor."""

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
