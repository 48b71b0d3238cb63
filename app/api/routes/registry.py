"""What there is to choose from: layers, losses, optimizers and schedules, as their entries describe themselves."""

import inspect
from collections.abc import Iterator
from dataclasses import MISSING, is_dataclass
from types import NoneType
from typing import Any, Literal, get_args, get_origin, get_type_hints

from fastapi import APIRouter
from pydantic import BaseModel, Field

from app.api.problems import problems
from app.errors import Invalid
from app.insight.experiments import EXPERIMENTS
from app.learning.fields import request_fields
from app.learning.layers import LAYERS, Layer
from app.learning.losses import LOSSES
from app.learning.optimizers import LECTURE_FORMS, OPTIMIZERS
from app.learning.schedules import SCHEDULES

router = APIRouter(tags=["entries"], responses=problems(Invalid))

JSON_TYPES = {float: "number", int: "integer", bool: "boolean", NoneType: "null", Layer: "layer"}


class FieldAnswer(BaseModel):
    """What a request may say of an entry."""

    name: str = Field(examples=["lr"])
    type: str = Field(description="as JSON has it", examples=["number", "integer or null", "[number, number]"])
    required: bool
    default: Any = Field(description="null where it is required", examples=[0.001])
    bounds: dict[Literal["gt", "ge", "lt", "le"], int | float] = Field(
        description="above, at least, below, at most; of a list they hold for each item",
        examples=[{"gt": 0, "le": 1e9}],
    )
    choices: list[str] = Field(description="the words that it may be", examples=[["mean", "sum"]])
    fields: "list[FieldAnswer]" = Field(description="of an object that it may be")
    doc: str = Field(examples=["η: learning rate, how far each step goes against the gradient"])


class EntryAnswer(BaseModel):
    """An entry: what it is, computes and takes."""

    name: str = Field(description="by which a request names it", examples=["adam"])
    summary: str = Field(examples=["Adam: Kingma & Ba 2015, algorithm 1, https://arxiv.org/abs/1412.6980"])
    formula: str = Field(examples=["θ ← θ − ηg"])
    fields: list[FieldAnswer]
    advantages: list[str] = Field(examples=[["easy to explain and to draw"]])
    drawbacks: list[str] = Field(examples=[["one learning rate for all directions: in a narrow ravine it zigzags"]])
    experiments: list[str] = Field(description="that show it: POST /experiments/{name}", examples=[["adam_variants"]])


class LayerAnswer(EntryAnswer):
    """A layer; a request has its name as `type`."""

    derivative: str | None = Field(examples=["σ(x)·(1 − σ(x)), at most 1/4"])
    range: str | None = Field(description="of what comes out, where it is bounded by the formula", examples=["(0, 1)"])
    caution: str | None = Field(description="what is said to everybody who chooses it")


class LossAnswer(EntryAnswer):
    """A loss; the formulas are of one example."""

    gradient: str = Field(examples=["∂L/∂ŷ = 2 (ŷ − y)"])
    task: Literal["classification", "regression"]
    input: Literal["logits", "values"] = Field(description="what it takes from the network")


class OptimizerAnswer(EntryAnswer):
    """An optimizer: PyTorch's form, and the lecture's own, which `"formulas": "lecture"` asks for."""

    lecture_formula: str | None = Field(description="null where the lecture has none", examples=["θ ← θ − ηg"])
    lecture_summary: str | None
    lecture_fields: list[FieldAnswer] = Field(description="with the lecture's own defaults")


class ScheduleAnswer(EntryAnswer):
    """A schedule of the learning rate."""

    needs_total: bool = Field(description="whether the run's number of steps has to be known")


class Layers(BaseModel):
    items: list[LayerAnswer]


class Losses(BaseModel):
    items: list[LossAnswer]


class Optimizers(BaseModel):
    items: list[OptimizerAnswer]


class Schedules(BaseModel):
    items: list[ScheduleAnswer]


@router.get("/layers", summary="The layers that there are")
def list_layers() -> Layers:
    """With formula, derivative, fields, advantages and drawbacks."""
    return Layers(
        items=[
            LayerAnswer(**of_any(name, entry), derivative=entry.derivative, range=entry.range, caution=entry.caution)
            for name, entry in LAYERS.items()
        ]
    )


@router.get("/losses", summary="The losses that there are")
def list_losses() -> Losses:
    """With formula, gradient, fields, advantages and drawbacks."""
    return Losses(
        items=[
            LossAnswer(**of_any(name, entry), gradient=entry.gradient_formula, task=entry.task, input=entry.input)
            for name, entry in LOSSES.items()
        ]
    )


@router.get("/optimizers", summary="The optimizers that there are")
def list_optimizers() -> Optimizers:
    """PyTorch's formula and the lecture's side by side, each with its own fields and defaults."""
    return Optimizers(
        items=[
            OptimizerAnswer(**of_any(name, entry), **of_lecture_form(LECTURE_FORMS.get(name)))
            for name, entry in OPTIMIZERS.items()
        ]
    )


@router.get("/schedules", summary="The schedules of the learning rate that there are")
def list_schedules() -> Schedules:
    """With formula, fields, advantages and drawbacks."""
    return Schedules(
        items=[
            ScheduleAnswer(**of_any(name, entry), needs_total=entry.needs_total) for name, entry in SCHEDULES.items()
        ]
    )


def of_any(name: str, entry: Any) -> dict[str, Any]:
    """What every kind of entry has."""
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
    """What an optimizer has beside: the lecture's form of it, where there is one."""
    return {
        "lecture_formula": entry and entry.formula,
        "lecture_summary": entry and summary_of(entry),
        "lecture_fields": list(fields_of(entry)) if entry else [],
    }


def summary_of(entry: Any) -> str:
    """The first paragraph of what it says of itself."""
    return " ".join((inspect.getdoc(entry) or "").split("\n\n")[0].split())


def fields_of(entry: Any) -> Iterator[FieldAnswer]:
    """The fields of an entry; of an object that a field may be, those in it."""
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
    """A type as JSON has it: "integer or null", "[number, number]", "[layer, …]"."""
    parts = get_args(annotation)
    if get_origin(annotation) is Literal:
        return "string"
    if get_origin(annotation) is tuple:
        return f"[{', '.join('…' if part is ... else type_of(part) for part in parts)}]"
    if parts:
        return " or ".join(type_of(part) for part in parts)
    return "object" if is_dataclass(annotation) else JSON_TYPES[annotation]
