"""Request and response models of the Open Inference Protocol."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from app.runs.request_model import RequestModel
from app.serving.tensors import DATATYPES, INPUT

Parameters = Annotated[dict[str, bool | int | float | str], Field(max_length=100)]
SHAPE = [1, 1, 28, 28]


def is_none(value: object) -> bool:
    return value is None


class LiveAnswer(BaseModel):
    live: bool = Field(description="true if the process answers", examples=[True])


class ReadyAnswer(BaseModel):
    ready: bool = Field(description="true if predictions can be made", examples=[True])


class ModelReadyAnswer(BaseModel):
    name: str = Field(description="the model's name, or the run's id", examples=["letters"])
    ready: bool = Field(description="true if its network can be loaded", examples=[True])


class ServerMetadata(BaseModel):
    name: str = Field(description="name of the server", examples=["antigrad"])
    version: str = Field(description="version of the server", examples=["0.2.0"])
    extensions: list[str] = Field(
        description="extensions of the protocol", examples=[["binary_tensor_data", "schedule_policy"]]
    )


class TensorMetadata(BaseModel):
    name: str = Field(description="name of the tensor", examples=[INPUT])
    datatype: str = Field(description="type of its numbers; BYTES are texts", examples=["UINT8"])
    shape: list[int] = Field(description="−1 stands for any number of inputs", examples=[[-1, 1, 28, 28]])


class ModelMetadata(BaseModel):
    name: str = Field(description="the model's name, or the run's id", examples=["letters"])
    versions: list[str] = Field(
        description="versions of the name, or steps of the run's checkpoints", examples=[["1", "2"]]
    )
    platform: str = Field(description="the framework", examples=["pytorch"])
    inputs: list[TensorMetadata] = Field(description="the tensors of a request")
    outputs: list[TensorMetadata] = Field(description="the tensors of an answer")


class RequestInput(RequestModel):
    """An input tensor: `data`, or `binary_data_size` bytes behind the JSON."""

    name: str = Field(max_length=100, description="name of the tensor: input", examples=[INPUT])
    shape: list[Annotated[int, Field(ge=0, le=10**9)]] = Field(
        min_length=1, max_length=8, description="its shape; the first number counts the inputs", examples=[SHAPE]
    )
    datatype: str = Field(max_length=100, description=f"one of {', '.join(DATATYPES)}", examples=["UINT8"])
    parameters: Parameters = Field({}, description="`binary_data_size`: bytes of this tensor behind the JSON")
    data: list[Any] | None = Field(
        None, description="the numbers in the order of rows, flat or nested", examples=[[0] * 784]
    )


class RequestOutput(RequestModel):
    """An output that is wanted."""

    name: str = Field(max_length=100, description="probabilities, label or value", examples=["probabilities"])
    parameters: Parameters = Field({}, description="`binary_data`: true for bytes behind the JSON")


class InferRequest(RequestModel):
    """A prediction for any number of inputs."""

    id: str | None = Field(None, max_length=200, description="repeated in the answer", examples=["42"])
    parameters: Parameters = Field(
        {},
        description="`timeout` in microseconds; `priority`, of which 1 is served first and 2 is the default, though no "
        "request overtakes one that has waited for two seconds; `sticky`, a text that always gets the same run of a "
        "split; `binary_data_output`: true for bytes behind the JSON",
        examples=[{"timeout": 500_000}],
    )
    inputs: list[RequestInput] = Field(min_length=1, max_length=100, description="one tensor, called `input`")
    outputs: list[RequestOutput] = Field([], max_length=100, description="the outputs that are wanted; all by default")


class ResponseOutput(BaseModel):
    model_config = ConfigDict(extra="allow")

    name: str = Field(description="name of the tensor", examples=["probabilities"])
    datatype: str = Field(description="type of its numbers; BYTES are texts", examples=["FP32"])
    shape: list[int] = Field(description="its shape; the first number counts the inputs", examples=[[1, 2]])
    parameters: Parameters | None = Field(
        None,
        description="`binary_data_size`: bytes of this tensor behind the JSON",
        exclude_if=is_none,
    )
    data: list[Any] | None = Field(
        None,
        description="the content in the order of rows",
        examples=[[0.97, 0.03]],
        exclude_if=is_none,
    )


class InferResponse(BaseModel):
    """The outputs, in the order in which they were asked for."""

    model_name: str = Field(description="the model's name, or the run's id", examples=["letters"])
    model_version: str = Field(description="the version that was asked for, if any", examples=[""])
    id: str | None = Field(None, description="the request's id", exclude_if=is_none)
    parameters: Parameters = Field(
        description="`run`: the run that predicted; `logged`: ids of the predictions",
        examples=[{"run": "run_01k9zj4c2m8s0q1v5w7x3y6t4a"}],
    )
    outputs: list[ResponseOutput] = Field(description="the tensors")
