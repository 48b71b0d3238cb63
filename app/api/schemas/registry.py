"""Request and response models of registry."""

from typing import Any, Literal

from pydantic import BaseModel, Field


class FieldAnswer(BaseModel):
    """A field of a registry entry."""

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
    doc: str = Field(examples=["η: learning rate, the size of the steps against the gradient"])


class EntryAnswer(BaseModel):
    """An entry: what it is, computes and takes."""

    name: str = Field(description="by which a request names it", examples=["adam"])
    summary: str = Field(examples=["Adam with ε outside the root: Kingma & Ba 2015, algorithm 1"])
    formula: str = Field(examples=["θ ← θ − ηg"])
    fields: list[FieldAnswer]
    advantages: list[str] = Field(examples=[["easy to explain and to draw"]])
    drawbacks: list[str] = Field(examples=[["one learning rate for all directions: it zigzags in a narrow ravine"]])
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
