"""Request and response models of architectures."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.api.schemas.runs import Warned
from app.learning.errors import InvalidChoice
from app.learning.optimizers import DEFAULT_OPTIMIZER
from app.learning.presets import PRESETS, under
from app.messages import Fix
from app.runs.registry_requests import OptimizerRequest
from app.runs.request_model import RequestModel, Text
from app.runs.requests import ModelRequest, RunRequest
from app.storage.jsonable import Number

Side = Annotated[int, Field(ge=1, le=100_000)]


class InspectRequest(RequestModel):
    """A network with its input and output sizes, and the batch size and optimizer of a training."""

    dataset: Text | None = Field(
        None,
        description="a dataset's name or id: it gives the sizes, and a run on it the other defaults",
        examples=["notmnist"],
    )
    model: ModelRequest = Field(default_factory=ModelRequest, description="the network, as for POST /runs")
    input_shape: list[Side] = Field(
        [1, 28, 28],
        min_length=1,
        max_length=3,
        description="channels, height, width of pictures; or the number of a table's columns",
    )
    outputs: int = Field(10, ge=1, le=10**6, description="number of classes, or 1 for regression")
    batch_size: int = Field(128, ge=1, le=10**7, description="examples per batch; memory grows with it")
    optimizer: OptimizerRequest = Field(
        DEFAULT_OPTIMIZER, validate_default=True, description="its state takes up to two numbers per parameter"
    )

    @model_validator(mode="before")
    @classmethod
    def _of_preset(cls, sent: Any) -> Any:
        """Fill in a preset's batch size and optimizer if the request leaves them out."""
        if isinstance(sent, dict) and isinstance(model := sent.get("model"), dict):
            preset = PRESETS.get(name) if isinstance(name := model.get("preset"), str) else None
            recipe = {} if preset is None else dict(preset.request)
            return {key: recipe[key] for key in ("batch_size", "optimizer") if recipe.get(key, "full") != "full"} | sent
        return sent

    @model_validator(mode="after")
    def _sizes_once(self) -> Self:
        for field in ("input_shape", "outputs"):
            if self.dataset is not None and field in self.model_fields_set:
                raise InvalidChoice("size_follows_from_dataset", f"/{field}", Fix(f"/{field}", None), field=field)
        return self

    def as_run(self) -> RunRequest:
        """The run's request, if there is a dataset."""
        recipe = PRESETS[self.model.preset].request if self.model.preset else {}
        given = self.model_dump(mode="json", include={"dataset", "batch_size", "optimizer"} & self.model_fields_set)
        return RunRequest.model_validate(under(recipe, given) | {"model": self.model})

    model_config = ConfigDict(
        json_schema_extra={
            "allOf": [  # as `_sizes_once` says
                {"not": {"properties": {"dataset": {"type": "string"}}, "required": ["dataset", size]}}
                for size in ("input_shape", "outputs")
            ],
            "examples": [
                {
                    "model": {"layers": [{"type": "linear", "units": 256}, {"type": "relu"}]},
                    "input_shape": [1, 28, 28],
                    "outputs": 10,
                    "batch_size": 128,
                }
            ],
        }
    )


class LayerRow(BaseModel):
    type: str = Field(examples=["conv2d"], description="the layer's type; see GET /layers")
    pointer: str | None = Field(
        description="JSON pointer to the layer in the request; null for a layer that the service added"
    )
    output_shape: list[int] = Field(description="without the batch dimension, channels first", examples=[[32, 28, 28]])
    parameters: int = Field(examples=[320], description="number of parameters")
    multiply_adds: int = Field(description="for one example", examples=[225_792])


class Total(BaseModel):
    parameters: int = Field(examples=[203_530], description="number of parameters of the whole network")
    multiply_adds: int = Field(description="for one example", examples=[203_264])


class MemoryAnswer(BaseModel):
    """Memory in bytes, with float32 numbers. Training needs the sum of the first four; prediction that of the first and
    the last."""

    parameters: int = Field(examples=[814_120], description="of all parameters")
    gradients: int = Field(description="of the trainable parameters", examples=[814_120])
    optimizer_state: int = Field(examples=[1_628_240], description="what the optimizer keeps for each parameter")
    saved_for_backward: int = Field(
        description="what autograd keeps of one batch until the backward pass", examples=[532_480]
    )
    inference: int = Field(
        description="the batch and the most intermediate values that exist at once", examples=[663_552]
    )


class TimeAnswer(BaseModel):
    """Seconds, judged by the trainings that succeeded last here."""

    least: float = Field(examples=[0.4], description="if a step takes no longer than theirs")
    most: float = Field(examples=[0.9], description="if it takes longer in proportion to what it computes")
    trainings: int = Field(examples=[5], description="number of the trainings, the most similar ones")


class LinearStackAnswer(BaseModel):
    """Linear layers without a nonlinearity between them, and the single layer Y = XW + b that equals them."""

    pointers: list[str] = Field(
        examples=[["/model/layers/0", "/model/layers/1"]], description="JSON pointers to the layers"
    )
    input_shape: list[int] = Field(examples=[[2]], description="without the batch dimension")
    output_shape: list[int] = Field(description="W and b refer to the flattened shape", examples=[[2]])
    parameters: int = Field(description="of all these layers together", examples=[17])
    numbers: int = Field(description="how many numbers W and b have together", examples=[6])
    weight: list[list[Number]] | None = Field(
        None,
        description="W, one row per input; only for a trained run and up to 250,000 numbers",
        examples=[[[0.5, 1], [2, 0]]],
    )
    bias: list[Number] | None = Field(None, description="b, one number per output", examples=[[0.5, 0.25]])


class Inspection(BaseModel):
    """The layers from input to output. The layers of a block appear once for each repetition."""

    layers: list[LayerRow] = Field(description="one row for each layer")
    total: Total = Field(description="the sums over all layers")
    memory: MemoryAnswer = Field(description="what a training and a prediction need")
    epoch_time: TimeAnswer | None = Field(
        None,
        description="what an epoch should take; null for a run, without `dataset`, and before a training has succeeded",
    )
    linear_stacks: list[LinearStackAnswer] = Field(description="linear layers that are equivalent to a single one")
    warnings: list[Warned] = Field(description="what is likely to go wrong in a training; a warning never blocks")


class PresetAnswer(BaseModel):
    """A ready-made network. `request` is a complete run request without the dataset; you can change every field."""

    name: str = Field(examples=["vgg_small"], description="the name in a request")
    summary: str = Field(description="the network in a sentence")
    input_shape: list[int] = Field(description="the input shape that the network is made for", examples=[[1, 28, 28]])
    outputs: int = Field(examples=[10], description="number of outputs that the network is made for")
    layers: list[dict[str, Any]] = Field(description="the layers, as a request lists them")
    request: dict[str, Any] = Field(
        examples=[{"model": {"preset": "vgg_small"}, "batch_size": 64}],
        description="a run's request without the dataset",
    )
    advantages: list[str] = Field(
        examples=[["the most accurate preset on letters: 94%"]], description="what speaks for it"
    )
    drawbacks: list[str] = Field(
        examples=[["batch norm and dropout behave differently in training and evaluation"]],
        description="what speaks against it",
    )


class PresetList(BaseModel):
    items: list[PresetAnswer] = Field(description="all presets")
