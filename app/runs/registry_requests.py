"""Request models generated from the learning core's entries: layers, optimizers, stop criteria and others.

An entry is a dataclass whose fields declare their bounds (`app.learning.fields`), so a new entry needs no change here.
"""

import dataclasses
import types
import typing
from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal, Union

from pydantic import BaseModel, BeforeValidator, Discriminator, Field, Tag, create_model, model_validator

from app.insight.surfaces.functions import SURFACES
from app.learning.augmentation import Augmentation
from app.learning.fields import request_fields
from app.learning.layers import LAYERS, Layer
from app.learning.losses import LOSSES
from app.learning.optimizers import LECTURE_FORMS, OPTIMIZERS
from app.learning.schedules import SCHEDULES
from app.learning.stopping import Stop
from app.runs.request_model import RequestModel


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
            return (_or_number(part) | None, Field(default, description=doc, validate_default=True))
        others = tuple(choice for choice in choices if choice is not part)  # an object, or one of some names
        other = _model(part)  # type: ignore[arg-type]
        return (Union[(*others, other)], Field(default, description=doc))
    return (annotation, Field(default, description=doc, **bounds))


def _model(entry: type, *tags: str, **assumed: str) -> type[BaseModel]:
    """The request model of an entry: its dataclass fields, and the fields that distinguish it from other entries.
    `tags` are required; `assumed` have a default."""
    hints = typing.get_type_hints(entry)
    fields = {item.name: _field(item, hints[item.name]) for item in request_fields(entry)}
    fields |= {tag: (Literal[getattr(entry, tag)], ...) for tag in tags}
    fields |= {tag: (Literal[value], value) for tag, value in assumed.items()}
    checks: dict[str, Any] = {}
    if hasattr(entry, "__post_init__"):  # it rejects some combinations of fields

        def combination(request: BaseModel) -> BaseModel:
            entry(**{item.name: getattr(request, item.name) for item in dataclasses.fields(entry)})
            return request

        checks["combination"] = model_validator(mode="after")(combination)
    named = f"{entry.__name__}Request"
    return create_model(
        named, __base__=RequestModel, __doc__=entry.__doc__, __module__=__name__, __validators__=checks, **fields
    )


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
        value_of_field = value.get(field, default) if isinstance(value, dict) else getattr(value, field, default)
        return value_of_field if isinstance(value_of_field, str) else None

    tag.__name__ = field
    return tag


def _optimizer_model(name: str) -> Any:
    """A union of the forms of one optimizer, selected by `formulas`."""
    ours = _model(OPTIMIZERS[name], "name", formulas="torch")
    if name not in LECTURE_FORMS:
        return ours
    return _one_of({"torch": ours, "lecture": _model(LECTURE_FORMS[name], "name", "formulas")}, "formulas", "torch")


def _one_of(models: dict[str, Any], field: str, default: str | None = None) -> Any:
    """A union of the models, selected by `field` of the sent object."""
    tagged = tuple(Annotated[model, Tag(tag)] for tag, model in models.items())
    return Annotated[Union[tagged], Discriminator(_tag_of(field, default))]  # noqa: UP007


_layers = [_model(entry, "type") for entry in LAYERS.values()]
LayerRequest: Any = Annotated[Union[tuple(_layers)], Field(discriminator="type")]  # noqa: UP007
for _layer in _layers:
    _layer.model_rebuild()  # layers that contain layers refer to LayerRequest


def _or_name(choice: Any, names: Iterable[str]) -> Any:
    """A union of models by name; a bare name is short for `{"name": …}`."""

    def spelt_out(value: Any) -> Any:
        return {"name": value} if isinstance(value, str) else value

    either = choice | Literal[tuple(names)]
    return Annotated[choice, BeforeValidator(spelt_out, json_schema_input_type=either)]


OptimizerRequest: Any = _or_name(_one_of({name: _optimizer_model(name) for name in OPTIMIZERS}, "name"), OPTIMIZERS)
ScheduleRequest: Any = _or_name(
    _one_of({name: _model(entry, "name") for name, entry in SCHEDULES.items()}, "name"), SCHEDULES
)
LossRequest: Any = _or_name(_one_of({name: _model(entry, "name") for name, entry in LOSSES.items()}, "name"), LOSSES)
SurfaceRequest: Any = _or_name(
    _one_of({name: _model(entry, "name") for name, entry in SURFACES.items()}, "name"), SURFACES
)
StopRequest: Any = _model(Stop)
AugmentationRequest: Any = _model(Augmentation)
