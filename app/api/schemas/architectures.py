"""Request and response models of architectures."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.api.schemas.runs import Warned
from app.learning.presets import PRESETS
from app.runs.registry_requests import OptimizerRequest
from app.runs.request_model import RequestModel
from app.runs.requests import ModelRequest
from app.storage.jsonable import Number

Side = Annotated[int, Field(ge=1, le=100_000)]


class InspectRequest(RequestModel):
    """A network, what goes into it and comes out, and how it would be trained."""

    model: ModelRequest = Field(default_factory=ModelRequest)
    input_shape: list[Side] = Field(
        [1, 28, 28], min_length=1, max_length=3, description="channels, height, width; or the columns of a table"
    )
    outputs: int = Field(10, ge=1, le=10**6, description="classes, or 1 for a regression")
    batch_size: int = Field(128, ge=1, le=10**7, description="examples at once: what is kept grows with them")
    optimizer: OptimizerRequest = Field(
        {"name": "adam"}, validate_default=True, description="it keeps up to two numbers beside each parameter"
    )

    @model_validator(mode="before")
    @classmethod
    def _of_preset(cls, sent: Any) -> Any:
        """A preset's batch and optimizer where the request does not say."""
        if isinstance(sent, dict) and isinstance(model := sent.get("model"), dict):
            preset = PRESETS.get(name) if isinstance(name := model.get("preset"), str) else None
            recipe = {} if preset is None else dict(preset.request)
            return {key: recipe[key] for key in ("batch_size", "optimizer") if recipe.get(key, "full") != "full"} | sent
        return sent

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "model": {"layers": [{"type": "linear", "units": 256}, {"type": "relu"}]},
                    "input_shape": [1, 28, 28],
                    "outputs": 10,
                    "batch_size": 128,
                }
            ]
        }
    )


class LayerRow(BaseModel):
    type: str = Field(examples=["conv2d"])
    pointer: str | None = Field(description="to the layer in the request; null for one that nobody wrote")
    output_shape: list[int] = Field(description="without the batch, channels first", examples=[[32, 28, 28]])
    parameters: int = Field(examples=[320])
    multiply_adds: int = Field(description="for one example", examples=[225_792])


class Total(BaseModel):
    parameters: int = Field(examples=[203_530])
    multiply_adds: int = Field(description="for one example", examples=[203_264])


class MemoryAnswer(BaseModel):
    """In bytes, of float32. A training takes the first four together, a prediction the first and the last."""

    parameters: int = Field(examples=[814_120])
    gradients: int = Field(description="of what is trainable", examples=[814_120])
    optimizer_state: int = Field(examples=[1_628_240])
    saved_for_backward: int = Field(
        description="what is kept of a batch on its way through, until the gradients come back", examples=[532_480]
    )
    inference: int = Field(
        description="the batch, and the most that lives beside it at once when nothing is kept", examples=[663_552]
    )


class LinearStackAnswer(BaseModel):
    """Linear layers with nothing nonlinear between them, and the one layer Y = XW + b that they are."""

    pointers: list[str] = Field(examples=[["/model/layers/0", "/model/layers/1"]])
    input_shape: list[int] = Field(examples=[[2]])
    output_shape: list[int] = Field(description="a shape of pictures is flattened in W and b", examples=[[2]])
    parameters: int = Field(description="of all of them", examples=[17])
    numbers: int = Field(description="of W and b", examples=[6])
    weight: list[list[Number]] | None = Field(
        None, description="W, a row an input; of a trained run, up to 250,000 numbers", examples=[[[0.5, 1], [2, 0]]]
    )
    bias: list[Number] | None = Field(None, description="b, one an output", examples=[[0.5, 0.25]])


class Inspection(BaseModel):
    """Each layer from the input to the output: a block's as often as it repeats."""

    layers: list[LayerRow]
    total: Total
    memory: MemoryAnswer
    linear_stacks: list[LinearStackAnswer]
    warnings: list[Warned]


class PresetAnswer(BaseModel):
    """A network by name. `request` is a whole run's but for its dataset; every field may be given otherwise."""

    name: str = Field(examples=["vgg_small"])
    summary: str
    input_shape: list[int] = Field(description="what it is made for", examples=[[1, 28, 28]])
    outputs: int = Field(examples=[10])
    layers: list[dict[str, Any]] = Field(description="what the name stands for")
    request: dict[str, Any] = Field(examples=[{"model": {"preset": "vgg_small"}, "batch_size": 64}])
    advantages: list[str] = Field(examples=[["the most accurate preset on letters: 94%"]])
    drawbacks: list[str] = Field(examples=[["batch norm and dropout behave differently in training and evaluation"]])


class PresetList(BaseModel):
    items: list[PresetAnswer]
