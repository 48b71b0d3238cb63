"""What clients send. Layers, optimizers and criteria follow from the learning core's entries."""

import dataclasses
import typing
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal, Union

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    Tag,
    create_model,
    model_validator,
)

from app.learning.layers import LAYERS
from app.learning.losses import LOSSES
from app.learning.optimizers import LECTURE_FORMS, OPTIMIZERS
from app.learning.schedules import SCHEDULES
from app.learning.stopping import DivergenceLimits, Stop


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
    if typing.get_origin(annotation) is tuple:  # JSON has lists only, and the bounds are those of the items
        items = tuple(Annotated[item, Field(**bounds)] for item in typing.get_args(annotation))
        return (tuple[items], Field(default, description=doc, strict=False))  # type: ignore[valid-type]
    return (annotation, Field(default, description=doc, **bounds))


def _model(entry: type, *tags: str, **assumed: str) -> type[BaseModel]:
    """The request model of an entry: its dataclass fields, `tags` as the fields that tell it from the others, and those
    tags that are assumed when they are left out."""
    hints = typing.get_type_hints(entry)
    fields = {item.name: _field(item, hints[item.name]) for item in dataclasses.fields(entry)}
    fields |= {tag: (Literal[getattr(entry, tag)], ...) for tag in tags}
    fields |= {tag: (Literal[value], value) for tag, value in assumed.items()}
    checks: dict[str, Any] = {}
    if hasattr(entry, "__post_init__"):  # it refuses some combinations of its fields

        def combination(request: BaseModel) -> BaseModel:
            entry(**{item.name: getattr(request, item.name) for item in dataclasses.fields(entry)})
            return request

        checks["combination"] = model_validator(mode="after")(combination)
    named = f"{entry.__name__}Request"
    return create_model(named, __base__=Strict, __doc__=entry.__doc__, __validators__=checks, **fields)


def _tag_of(field: str, default: str | None = None) -> Callable[[Any], str | None]:
    """Reads the field that tells which model a value is of; a name of its own, which stands in the refusal."""

    def tag(value: Any) -> str | None:
        found = value.get(field, default) if isinstance(value, dict) else getattr(value, field, default)
        return found if isinstance(found, str) else None

    tag.__name__ = field
    return tag


def _optimizer_model(name: str) -> Any:
    """The forms of one optimizer, told apart by `formulas`."""
    ours = _model(OPTIMIZERS[name], "name", formulas="torch")
    if name not in LECTURE_FORMS:
        return ours
    return _one_of({"torch": ours, "lecture": _model(LECTURE_FORMS[name], "name", "formulas")}, "formulas", "torch")


def _one_of(models: dict[str, Any], field: str, default: str | None = None) -> Any:
    """One of the models, told by `field` of what was sent."""
    tagged = tuple(Annotated[model, Tag(tag)] for tag, model in models.items())
    return Annotated[Union[tagged], Discriminator(_tag_of(field, default))]  # noqa: UP007


LayerRequest: Any = Annotated[
    Union[tuple(_model(entry, "type") for entry in LAYERS.values())],  # noqa: UP007
    Field(discriminator="type"),
]


def _or_name(choice: Any, names: Iterable[str]) -> Any:
    """A choice of models by name, for which the name alone may stand."""

    def spelt_out(value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    either = choice | Literal[tuple(names)]
    return Annotated[choice, BeforeValidator(spelt_out, json_schema_input_type=either)]


OptimizerRequest: Any = _one_of({name: _optimizer_model(name) for name in OPTIMIZERS}, "name")
ScheduleRequest: Any = _or_name(
    _one_of({name: _model(entry, "name") for name, entry in SCHEDULES.items()}, "name"), SCHEDULES
)
DivergenceRequest = _model(DivergenceLimits)


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


_stop = {item.name: item for item in dataclasses.fields(Stop)}


class StopRequest(Strict):
    """Merged field by field with the defaults; null turns a criterion off."""

    max_epochs: int | None = Field(20, **_stop["max_epochs"].metadata["bounds"])
    max_steps: int | None = Field(None, **_stop["max_steps"].metadata["bounds"])
    divergence: DivergenceRequest | None = Field(  # type: ignore[valid-type]
        default_factory=DivergenceRequest,
        description="NaN or ∞ at once, or the loss over factor × the larger of the first step's and the best constant "
        "prediction's, window steps running; the run then fails",
    )


class RunRequest(Strict):
    """One training run. Only `dataset` is required; everything else has a default that trains well."""

    name: Text | None = None
    dataset: Text = Field(examples=["notmnist"])
    split: SplitRequest = Field(default_factory=SplitRequest)
    normalise: Literal["unit", "standard", "none"] | None = Field(None, description="pictures; `unit` divides by 255")
    scaling: ScalingRequest | None = Field(None, description="tables; `standard` for both unless given")
    model: ModelRequest = Field(default_factory=ModelRequest)
    loss: Literal[tuple(LOSSES)] | None = None  # type: ignore[valid-type]
    optimizer: OptimizerRequest = Field({"name": "adam"}, validate_default=True)
    schedule: ScheduleRequest = Field(
        {"name": "constant"},
        validate_default=True,
        description="what lr is multiplied by in each step; a name, or an object with the schedule's fields",
    )
    batch_size: Annotated[int, Field(ge=1, le=10**7)] | Literal["full"] = Field(
        128, description='examples a step; "full" is gradient descent on all the training data'
    )
    accumulate: int = Field(
        1, ge=1, le=10**4, description="batches a step: as a batch so many times as large, in the memory of one"
    )
    clip_norm: float | None = Field(
        None, gt=0, le=1e9, description="a gradient that is longer (L2, over all parameters) is shortened to this"
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
