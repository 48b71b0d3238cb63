"""Response models of the registries."""

from typing import Any, Literal

from pydantic import BaseModel, Field


class FieldAnswer(BaseModel):
    """A field of a registry entry."""

    name: str = Field(examples=["lr"], description="the field's name in a request")
    type: str = Field(description="the JSON type", examples=["number", "integer or null", "[number, number]"])
    required: bool = Field(description="true if a request must give it")
    default: Any = Field(description="null if the field is required", examples=[0.001])
    bounds: dict[Literal["gt", "ge", "lt", "le"], int | float] = Field(
        description="above, at least, below, at most; for a list they apply to each item",
        examples=[{"gt": 0, "le": 1e9}],
    )
    choices: list[str] = Field(description="the allowed words", examples=[["mean", "sum"]])
    fields: "list[FieldAnswer]" = Field(description="the fields, if the value may be an object", examples=[[]])
    doc: str = Field(
        examples=["η: learning rate, the size of the steps against the gradient"], description="what the field means"
    )


class EntryAnswer(BaseModel):
    """An entry of a registry."""

    name: str = Field(description="the name in a request", examples=["adam"])
    summary: str = Field(
        examples=["Adam with ε outside the root: Kingma & Ba 2015, algorithm 1"],
        description="what it is, in a sentence",
    )
    formula: str = Field(examples=["θ ← θ − ηg"], description="what it computes")
    fields: list[FieldAnswer] = Field(description="the fields that a request may give")
    advantages: list[str] = Field(examples=[["easy to explain and to draw"]], description="what speaks for it")
    drawbacks: list[str] = Field(
        examples=[["one learning rate for all directions: it zigzags in a narrow ravine"]],
        description="what speaks against it",
    )
    experiments: list[str] = Field(
        description="experiments about it; start one with POST /experiments/{name}", examples=[["adam_variants"]]
    )


class LayerAnswer(EntryAnswer):
    """A layer. A request gives its name as `type`."""

    derivative: str | None = Field(
        examples=["σ(x)·(1 − σ(x)), at most 1/4"],
        description="the derivative that backpropagation uses; null if there is no simple formula",
    )
    range: str | None = Field(description="range of the output, if the formula bounds it", examples=["(0, 1)"])
    caution: str | None = Field(description="a warning for every network that uses it")


class LossAnswer(EntryAnswer):
    """A loss. The formulas are for one example."""

    gradient: str = Field(
        examples=["∂L/∂ŷ = 2 (ŷ − y)"], description="the gradient with respect to the network's output"
    )
    task: Literal["classification", "regression"] = Field(description="the task that it is for")
    input: Literal["logits", "values"] = Field(description="what the network outputs to the loss")


class OptimizerAnswer(EntryAnswer):
    """An optimizer in PyTorch's form, and in the lecture's form, which `"formulas": "lecture"` selects."""

    lecture_formula: str | None = Field(description="null if the lecture has none", examples=["θ ← θ − ηg"])
    lecture_summary: str | None = Field(description="the lecture's form in a sentence; null if the lecture has none")
    lecture_fields: list[FieldAnswer] = Field(description="with the lecture's defaults")


class ScheduleAnswer(EntryAnswer):
    """A learning rate schedule."""

    needs_total: bool = Field(description="true if the run needs max_epochs or max_steps")


class Layers(BaseModel):
    items: list[LayerAnswer] = Field(description="all layers")


class Losses(BaseModel):
    items: list[LossAnswer] = Field(description="all losses")


class Optimizers(BaseModel):
    items: list[OptimizerAnswer] = Field(description="all optimizers")


class Schedules(BaseModel):
    items: list[ScheduleAnswer] = Field(description="all schedules")
