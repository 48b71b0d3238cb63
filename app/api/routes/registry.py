"""Descriptions of all layers, losses, optimizers and schedules."""

from typing import Any

from app.api.problems import problems
from app.api.registry_fields import fields_of, summary_of
from app.api.router import Router
from app.api.schemas.registry import (
    LayerAnswer,
    Layers,
    LossAnswer,
    Losses,
    OptimizerAnswer,
    Optimizers,
    ScheduleAnswer,
    Schedules,
)
from app.api.scopes import READ
from app.errors import Invalid
from app.insight.experiments import EXPERIMENTS
from app.learning.layers import LAYERS
from app.learning.losses import LOSSES
from app.learning.optimizers import LECTURE_FORMS, OPTIMIZERS
from app.learning.schedules import SCHEDULES

router = Router(tags=["entries"], responses=problems(Invalid), dependencies=[READ])


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
