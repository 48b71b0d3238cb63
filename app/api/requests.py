"""What clients send. Layers, optimizers and criteria follow from the learning core's entries."""

import dataclasses
import typing
from typing import Annotated, Any, Literal, Union

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, create_model

from app.learning.layers import LAYERS
from app.learning.losses import LOSSES
from app.learning.optimizers import OPTIMIZERS
from app.learning.stopping import Stop


class Strict(BaseModel):
    """Unknown fields are refused, types are not guessed, and NaN and ∞ are no numbers."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("holds the character NUL, which no text may; leave it out")
    return text


Text = Annotated[str, Field(max_length=200), AfterValidator(_without_nul)]


def _field(entry: dataclasses.Field[Any], annotation: Any) -> Any:
    bounds = entry.metadata.get("bounds", {})
    default = ... if entry.default is dataclasses.MISSING else entry.default
    doc = entry.metadata.get("doc")
    if tuple[float, ...] in typing.get_args(annotation):  # a list of any length, or null
        numbers = Annotated[tuple[Annotated[float, Field(**bounds)], ...], Field(strict=False, max_length=10**5)]
        return (numbers | None, Field(default, description=doc))
    if typing.get_origin(annotation) is tuple:  # JSON has lists only, and the bounds are those of the items
        items = tuple(Annotated[item, Field(**bounds)] for item in typing.get_args(annotation))
        return (tuple[items], Field(default, description=doc, strict=False))  # type: ignore[valid-type]
    for part in filter(dataclasses.is_dataclass, typing.get_args(annotation)):  # an object, or null
        if dataclasses.is_dataclass(default) and not isinstance(default, type):
            default = dataclasses.asdict(default)
        return (_or_number(part) | None, Field(default, description=doc, validate_default=True))
    return (annotation, Field(default, description=doc, **bounds))


def _model(entry: type, tag: str | None = None) -> type[BaseModel]:
    """The request model of an entry: its dataclass fields, and `tag` as the field that tells it from the others."""
    hints = typing.get_type_hints(entry)
    fields = {item.name: _field(item, hints[item.name]) for item in dataclasses.fields(entry)}
    if tag is not None:
        fields[tag] = (Literal[getattr(entry, tag)], ...)
    return create_model(f"{entry.__name__}Request", __base__=Strict, __doc__=entry.__doc__, **fields)


def _or_number(entry: Any) -> Any:
    """The request model of an entry; where the entry says which of its fields is `number`, a number is short for it."""
    model = _model(entry)
    if not hasattr(entry, "number"):
        return model

    def spelt_out(value: Any) -> Any:
        return {entry.number: value} if isinstance(value, int | float) and not isinstance(value, bool) else value

    field = model.model_fields[entry.number]
    number = Annotated[field.annotation, *field.metadata]  # type: ignore[name-defined]
    return Annotated[model, BeforeValidator(spelt_out, json_schema_input_type=number | model)]


LayerRequest: Any = Annotated[
    Union[tuple(_model(entry, "type") for entry in LAYERS.values())],  # noqa: UP007
    Field(discriminator="type"),
]
OptimizerRequest: Any = Annotated[
    Union[tuple(_model(entry, "name") for entry in OPTIMIZERS.values())],  # noqa: UP007
    Field(discriminator="name"),
]
LossRequest: Any = Annotated[
    Union[tuple(_model(entry, "name") for entry in LOSSES.values())],  # noqa: UP007
    Field(discriminator="name"),
    BeforeValidator(lambda value: {"name": value} if isinstance(value, str) else value),
]
StopRequest: Any = _model(Stop)


class ModelRequest(Strict):
    """The network. The input shape follows from the dataset; the output layer is appended unless it is given."""

    layers: list[LayerRequest] = Field(
        [{"type": "linear", "units": 256}, {"type": "relu"}], max_length=1000, validate_default=True
    )


class SplitRequest(Strict):
    """Fractions of the whole."""

    validation: float = Field(0.16, ge=0, lt=1)
    test: float = Field(0.2, ge=0, lt=1)
    seed: int = Field(0, ge=0, lt=2**63)
    stratify: bool = Field(True, description="each part has the classes in the same shares")


class ScalingRequest(Strict):
    """For tables: fitted on the training part, kept with the weights."""

    inputs: Literal["standard", "none"] = "standard"
    target: Literal["standard", "none"] = "standard"


class RunRequest(Strict):
    """One training run. Only `dataset` is required; everything else has a default that trains well."""

    name: Text | None = None
    dataset: Text = Field(examples=["notmnist"])
    split: SplitRequest = Field(default_factory=SplitRequest)
    normalise: Literal["unit", "standard", "none"] | None = Field(None, description="pictures; `unit` divides by 255")
    scaling: ScalingRequest | None = Field(None, description="tables; `standard` for both unless given")
    model: ModelRequest = Field(default_factory=ModelRequest)
    loss: LossRequest | None = Field(None, description="cross_entropy, or mse for regression, unless given")
    optimizer: OptimizerRequest = Field({"name": "adam"}, validate_default=True)
    batch_size: Annotated[int, Field(ge=1, le=10**7)] | Literal["full"] = Field(
        128, description='examples a step; "full" is gradient descent on all the training data'
    )
    stop: StopRequest = Field(default_factory=StopRequest)
    seed: int = Field(0, ge=0, lt=2**63)
    device: Literal["auto", "cpu", "cuda"] = "auto"
    tags: dict[Text, Text] = Field(default={}, max_length=50)
    priority: int = Field(0, ge=-1000, le=1000, description="higher first")

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "dataset": "notmnist",
                    "model": {"layers": [{"type": "linear", "units": 256}, {"type": "relu"}]},
                    "optimizer": {"name": "adam", "lr": 0.001},
                    "stop": {"max_epochs": 20},
                }
            ]
        }
    )


class ResumeRequest(Strict):
    """How much further to train; counted from the run's start, merged with the run's own."""

    stop: dict[str, Any] = {}
