"""Request models generated from the learning core's entries: layers, optimizers, stop criteria and others.

An entry is a dataclass whose fields declare their bounds (`app.learning.fields`), so a new entry needs no change here.
"""

import dataclasses
import json
import types
import typing
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Union

from pydantic import BaseModel, BeforeValidator, Discriminator, Field, Tag, create_model, model_validator

from app.insight.surfaces.functions import DEFAULT_SURFACE, SURFACES
from app.learning.augmentation import Augmentation
from app.learning.fields import request_fields
from app.learning.layers import LAYERS, Layer
from app.learning.losses import DEFAULT_LOSS, LOSSES
from app.learning.optimizers import DEFAULT_OPTIMIZER, LECTURE_FORMS, OPTIMIZERS
from app.learning.schedules import DEFAULT_SCHEDULE, SCHEDULES
from app.learning.stopping import Stop
from app.runs.request_model import RequestModel

TAGS = {
    "type": "says which layer this is",
    "name": "says which one this is",
    "formulas": "`torch` for PyTorch's form, `lecture` for the lecture's",
}


def _field(entry: dataclasses.Field[Any], annotation: Any) -> Any:
    bounds = entry.metadata.get("bounds", {})
    default = ... if entry.default is dataclasses.MISSING else entry.default
    doc = entry.metadata.get("doc")
    if annotation == tuple[Layer, ...]:
        return (list["LayerRequest"], Field(default, description=doc, min_length=1, max_length=1000))
    choices = typing.get_args(annotation)
    if tuple[float, ...] in choices:  # a list of any length, or null
        numbers = Annotated[tuple[Annotated[float, Field(**bounds)], ...], Field(strict=False, max_length=10**5)]
        return (numbers | None, Field(default, description=doc))
    if typing.get_origin(annotation) is tuple:  # JSON has only lists; the bounds apply to the items
        items = tuple(Annotated[item, Field(**bounds)] for item in choices)
        return (tuple[items], Field(default, description=doc, strict=False))  # type: ignore[valid-type]
    for part in filter(dataclasses.is_dataclass, choices):
        if types.NoneType in choices:  # an object, or null
            if dataclasses.is_dataclass(default) and not isinstance(default, type):
                default = dataclasses.asdict(default)
                doc = f"{doc}. By default {json.dumps(default)}"  # generators of clients take no object as a default
            hidden = Field(default, description=doc, validate_default=True, json_schema_extra=_without_default)
            return (_or_number(part) | None, hidden)
        others = tuple(choice for choice in choices if choice is not part)  # an object, or one of some names
        other = _model(part)  # type: ignore[arg-type]
        return (Union[(*others, other)], Field(default, description=doc))
    return (annotation, Field(default, description=doc, **bounds))


def _without_default(schema: dict[str, Any]) -> None:
    if isinstance(schema["default"], dict):
        del schema["default"]


def _model(entry: type, *tags: str, **assumed: str) -> type[BaseModel]:
    """The request model of an entry: its dataclass fields, and the fields that distinguish it from other entries.
    `tags` are required; `assumed` have a default, with which the entry is chosen if the request leaves them out."""
    hints = typing.get_type_hints(entry)
    fields = {item.name: _field(item, hints[item.name]) for item in request_fields(entry)}
    fields |= {tag: (Literal[getattr(entry, tag)], Field(..., description=TAGS[tag])) for tag in tags}
    fields |= {tag: (Literal[value], Field(value, description=TAGS[tag])) for tag, value in assumed.items()}
    checks: dict[str, Any] = {}
    if hasattr(entry, "__post_init__"):  # it rejects some combinations of fields

        def combination(request: BaseModel) -> BaseModel:
            entry(**{item.name: getattr(request, item.name) for item in dataclasses.fields(entry)})
            return request

        checks["combination"] = model_validator(mode="after")(combination)
    named = f"{entry.__name__}Request"
    model = create_model(
        named, __base__=RequestModel, __doc__=entry.__doc__, __module__=__name__, __validators__=checks, **fields
    )
    if constraint := getattr(entry, "constraint", None):  # the same combinations, as a JSON Schema
        model.model_config["json_schema_extra"] = constraint
    return model


def _or_number(entry: Any) -> Any:
    """The request model of an entry. If the entry names a field as its `number`, a bare number sets that field."""
    model = _model(entry)
    if not hasattr(entry, "number"):
        return model

    def spelt_out(value: Any) -> Any:
        return {entry.number: value} if isinstance(value, int | float) and not isinstance(value, bool) else value

    field = model.model_fields[entry.number]
    number = Annotated[field.annotation, *field.metadata]  # type: ignore[name-defined]
    return Annotated[model, BeforeValidator(spelt_out, json_schema_input_type=number | model)]


def _tag_of(field: str, default: str | None = None) -> Callable[[Any], str | None]:
    """A function that reads the field which selects the model. Error messages show its name, so it is the field's."""

    def tag(value: Any) -> str | None:
        if not isinstance(value, dict | BaseModel):
            return None
        value_of_field = value.get(field, default) if isinstance(value, dict) else getattr(value, field, default)
        return value_of_field if isinstance(value_of_field, str) else None

    tag.__name__ = field
    return tag


def _named_model(entry: Any, default: str | None, *tags: str, **assumed: str) -> type[BaseModel]:
    """The request model of an entry that is chosen by its `name`, which the `default` may leave out."""
    if entry.name == default:
        return _model(entry, *tags, name=entry.name, **assumed)
    return _model(entry, "name", *tags, **assumed)


def _is_required(field: dataclasses.Field[Any]) -> bool:
    return field.default is dataclasses.MISSING and field.default_factory is dataclasses.MISSING


def _optimizer_model(name: str) -> Any:
    """A union of the forms of one optimizer, selected by `formulas`."""
    ours = _named_model(OPTIMIZERS[name], DEFAULT_OPTIMIZER, formulas="torch")
    if name not in LECTURE_FORMS:
        return ours
    lecture = _named_model(LECTURE_FORMS[name], DEFAULT_OPTIMIZER, "formulas")
    return _one_of({"torch": ours, "lecture": lecture}, "formulas", "torch")


def _one_of(models: dict[str, Any], field: str, default: str | None = None) -> Any:
    """A union of the models, selected by `field` of the sent object."""
    tagged = tuple(Annotated[model, Tag(tag)] for tag, model in models.items())
    return Annotated[Union[tagged], Discriminator(_tag_of(field, default))]  # noqa: UP007


_layers = [_model(entry, "type") for entry in LAYERS.values()]
LayerRequest: Any = Annotated[Union[tuple(_layers)], Field(discriminator="type")]  # noqa: UP007
for _layer in _layers:
    _layer.model_rebuild()  # layers that contain layers refer to LayerRequest


def _by_name(models: dict[str, Any], entries: Mapping[str, Any], default: str | None = None) -> Any:
    """A union of models by name. A bare name is short for `{"name": …}`, of entries that require nothing else.

    An object without a name is the default's."""
    choice = _one_of(models, "name", default)
    names = [name for name, entry in entries.items() if not any(_is_required(field) for field in request_fields(entry))]

    def spelt_out(value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    either = choice | Literal[tuple(names)]
    return Annotated[choice, BeforeValidator(spelt_out, json_schema_input_type=either)]


def _registry_request(entries: Mapping[str, Any], default: str | None = None) -> Any:
    return _by_name({name: _named_model(entry, default) for name, entry in entries.items()}, entries, default)


OptimizerRequest: Any = _by_name({name: _optimizer_model(name) for name in OPTIMIZERS}, OPTIMIZERS, DEFAULT_OPTIMIZER)
ScheduleRequest: Any = _registry_request(SCHEDULES, DEFAULT_SCHEDULE)
# The default of a regression is another one; it has no field that this one lacks, and `resolve` chooses it.
LossRequest: Any = _registry_request(LOSSES, DEFAULT_LOSS["classification"])
SurfaceRequest: Any = _registry_request(SURFACES, DEFAULT_SURFACE)
StopRequest: Any = _model(Stop)
AugmentationRequest: Any = _model(Augmentation)
