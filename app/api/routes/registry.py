"""Descriptions of all layers, losses, optimizers and schedules."""

import inspect
from collections.abc import Iterator
from dataclasses import MISSING, is_dataclass
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from fastapi import APIRouter

from app.api.problems import problems
from app.api.schemas.registry import (
    FieldAnswer,
    LayerAnswer,
    Layers,
    LossAnswer,
    Losses,
    OptimizerAnswer,
    Optimizers,
    ScheduleAnswer,
    Schedules,
)
from app.errors import Invalid
from app.insight.experiments import EXPERIMENTS
from app.learning.fields import request_fields
from app.learning.layers import LAYERS, Layer
from app.learning.losses import LOSSES
from app.learning.optimizers import LECTURE_FORMS, OPTIMIZERS
from app.learning.schedules import SCHEDULES

router = APIRouter(tags=["entries"], responses=problems(Invalid))

JSON_TYPES = {float: "number", int: "integer", bool: "boolean", NoneType: "null", Layer: "layer"}


@router.get("/layers", summary="List layers")
def list_layers() -> Layers:
    """Each with its formula, derivative, fields, advantages and drawbacks."""
    return Layers(
        items=[
            LayerAnswer(**of_any(name, entry), derivative=entry.derivative, range=entry.range, caution=entry.caution)
            for name, entry in LAYERS.items()
        ]
    )


@router.get("/losses", summary="List losses")
def list_losses() -> Losses:
    """Each with its formula, gradient, fields, advantages and drawbacks."""
    return Losses(
        items=[
            LossAnswer(**of_any(name, entry), gradient=entry.gradient_formula, task=entry.task, input=entry.input)
            for name, entry in LOSSES.items()
        ]
    )


@router.get("/optimizers", summary="List optimizers")
def list_optimizers() -> Optimizers:
    """Each in PyTorch's form and in the lecture's, with the formula, fields and defaults of either."""
    return Optimizers(
        items=[
            OptimizerAnswer(**of_any(name, entry), **of_lecture_form(LECTURE_FORMS.get(name)))
            for name, entry in OPTIMIZERS.items()
        ]
    )


@router.get("/schedules", summary="List learning rate schedules")
def list_schedules() -> Schedules:
    """Each with its formula, fields, advantages and drawbacks."""
    return Schedules(
        items=[
            ScheduleAnswer(**of_any(name, entry), needs_total=entry.needs_total) for name, entry in SCHEDULES.items()
        ]
    )


def of_any(name: str, entry: Any) -> dict[str, Any]:
    """Fields that every kind of entry has."""
    return {
        "name": name,
        "summary": summary_of(entry),
        "formula": entry.formula,
        "fields": list(fields_of(entry)),
        "advantages": entry.advantages,
        "drawbacks": entry.drawbacks,
        "experiments": [experiment.name for experiment in EXPERIMENTS.values() if name in experiment.about],
    }


def of_lecture_form(entry: Any) -> dict[str, Any]:
    """The lecture's form of an optimizer, if it has one."""
    return {
        "lecture_formula": entry and entry.formula,
        "lecture_summary": entry and summary_of(entry),
        "lecture_fields": list(fields_of(entry)) if entry else [],
    }


def summary_of(entry: Any) -> str:
    """The first paragraph of the entry's docstring."""
    return " ".join((inspect.getdoc(entry) or "").split("\n\n")[0].split())


def fields_of(entry: Any) -> Iterator[FieldAnswer]:
    """The fields of an entry. A field that may be an object includes that object's fields."""
    hints = get_type_hints(entry)
    for field in request_fields(entry):
        annotation = hints[field.name]
        parts = (annotation, *get_args(annotation))
        required = field.default is MISSING
        yield FieldAnswer(
            name=field.name,
            type=type_of(annotation),
            required=required,
            default=None if required else field.default,
            bounds=field.metadata.get("bounds", {}),
            choices=[word for part in parts if get_origin(part) is Literal for word in get_args(part)],
            fields=[inner for part in parts if is_dataclass(part) for inner in fields_of(part)],
            doc=field.metadata.get("doc", ""),
        )


def type_of(annotation: Any) -> str:
    """A type in JSON terms: "integer or null", "[number, number]", "[layer, …]"."""
    parts = get_args(annotation)
    if get_origin(annotation) is Literal:
        return "string"
    if get_origin(annotation) is tuple:
        return f"[{', '.join('…' if part is ... else type_of(part) for part in parts)}]"
    if parts:
        return " or ".join(type_of(part) for part in parts)
    return "object" if is_dataclass(annotation) else JSON_TYPES[annotation]
