"""Query and response models of predictions."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from app.api.inputs import Invert
from app.datasets.images.codec import Background
from app.runs.request_model import pattern


class Label(BaseModel):
    label: str = Field(examples=["A"])
    probability: float = Field(examples=[0.97])


class LabelPrediction(BaseModel):
    """Classification: the label, its probability, and the `top` ones.

    A network of one output for two classes predicts the second from the loss's `threshold` on, so that the label may
    be the less probable one; its logit is one number.
    """

    label: str = Field(examples=["A"])
    probability: float = Field(examples=[0.97])
    top: list[Label]
    logits: list[float] | None = Field(
        None,
        exclude_if=lambda logits: logits is None,
        description="with logits=true; left out where the network ends in a softmax or sigmoid",
        examples=[[4.1, -0.3]],
    )


class ValuePrediction(BaseModel):
    """Regression: the value, in the target's own units."""

    value: float = Field(examples=[151.2])


class Preprocessing(BaseModel):
    """Preprocessing of the input before the network."""

    input_shape: list[int] = Field(examples=[[1, 28, 28]])
    shift: list[float] = Field(description="(x − shift) / scale; one number, or one a column", examples=[[0.0]])
    scale: list[float] = Field(examples=[[255.0]])
    fill: list[float] = Field([], description="what null counts as in each column; empty where it is refused")
    fit: bool = Field(description="pictures of another size were converted")
    resize: str | None = Field(None, description="how: fit, fill or stretch, as in the training", examples=["fit"])
    background: str = Field(description="under transparency and beside a converted picture", examples=["white"])
    inverted: list[bool] = Field(description="of each picture, whether black and white were swapped")


class PredictAnswer(BaseModel):
    """A prediction for each picture or row, in their order."""

    run: str = Field(examples=["run_01k9zj4c2m8s0q1v5w7x3y6t4a"])
    model: str | None = Field(None, description="the name that led to the run", examples=["default"])
    preprocessing: Preprocessing | None = Field(None, description="with explain=preprocessing")
    predictions: list[LabelPrediction] | list[ValuePrediction]


Top: Any = pattern(r"(all|[1-9]\d{0,5})", "top_malformed")


class Question(BaseModel):
    """Query parameters of a prediction."""

    run: str | None = Field(None, max_length=100, description="a run's id")
    model: str | None = Field(
        None, max_length=100, description="a model's name; without run and model: default, or the newest"
    )
    step: int | None = Field(None, ge=1, le=10**9, description="of a checkpoint; the end if left out")
    top: Top = Field("3", description="how many labels, or all")
    logits: bool = Field(False, description="the network's logits too, unless it ends in a softmax or sigmoid")
    fit: bool = Field(False, description="convert pictures of another size")
    background: Background | None = Field(
        None, description="under transparency and in margins; if left out, as in the training"
    )
    invert: Invert = Field(
        "false", description="swap black and white; auto where the border is nearer to the training's then"
    )
    explain: Literal["preprocessing"] | None = Field(None, description="say what was done to the input")
