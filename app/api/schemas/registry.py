"""Response models of the registries."""

from typing import Any, Literal

from pydantic import BaseModel, Field


class FieldAnswer(BaseModel):
    """A field of a registry entry."""

    name: str = Field(examples=["lr"])
    type: str = Field(description="the JSON type", examples=["number", "integer or null", "[number, number]"])
    required: bool
    default: Any = Field(description="null if the field is required", examples=[0.001])
    bounds: dict[Literal["gt", "ge", "lt", "le"], int | float] = Field(
        description="above, at least, below, at most; for a list they apply to each item",
        examples=[{"gt": 0, "le": 1e9}],
    )
    choices: list[str] = Field(description="the allowed words", examples=[["mean", "sum"]])
    fields: "list[FieldAnswer]" = Field(description="the fields, if the value may be an object")
    doc: str = Field(examples=["η: learning rate, the size of the steps against the gradient"])


class EntryAnswer(BaseModel):
    """An entry of a registry."""

    name: str = Field(description="the name in a request", examples=["adam"])
    summary: str = Field(examples=["Adam with ε outside the root: Kingma & Ba 2015, algorithm 1"])
    formula: str = Field(examples=["θ ← θ − ηg"])
    fields: list[FieldAnswer]
    advantages: list[str] = Field(examples=[["easy to explain and to draw"]])
    drawbacks: list[str] = Field(examples=[["one learning rate for all directions: it zigzags in a narrow ravine"]])
    experiments: list[str] = Field(
        description="experiments about it; start one with POST /experiments/{name}", examples=[["adam_variants"]]
    )


class LayerAnswer(EntryAnswer):
    """A layer. A request gives its name as `type`."""

    derivative: str | None = Field(examples=["σ(x)·(1 − σ(x)), at most 1/4"])
    range: str | None = Field(description="range of the output, if the formula bounds it", examples=["(0, 1)"])
    caution: str | None = Field(description="a warning for every network that uses it")


class LossAnswer(EntryAnswer):
    """A loss. The formulas are for one example."""

    gradient: str = Field(examples=["∂L/∂ŷ = 2 (ŷ − y)"])
    task: Literal["classification", "regression"]
    input: Literal["logits", "values"] = Field(description="what the network outputs to the loss")


class OptimizerAnswer(EntryAnswer):
    """An optimizer in PyTorch's form, and in the lecture's form, which `"formulas": "lecture"` selects."""

    lecture_formula: str | None = Field(description="null if the lecture has none", examples=["θ ← θ − ηg"])
    lecture_summary: str | None
    lecture_fields: list[FieldAnswer] = Field(description="with the lecture's defaults")


class ScheduleAnswer(EntryAnswer):
    """A learning rate schedule."""

    needs_total: bool = Field(description="true if the run needs max_epochs or max_steps")


class Layers(BaseModel):
    items: list[LayerAnswer]


class Losses(BaseModel):
    items: list[LossAnswer]


class Optimizers(BaseModel):
    items: list[OptimizerAnswer]


class Schedules(BaseModel):
    items: list[ScheduleAnswer]
