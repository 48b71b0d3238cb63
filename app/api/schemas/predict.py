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
    """Classification: the label, its probability, and the most probable labels.

    A network with one output for two classes predicts the second class if its probability reaches the loss's
    `threshold`. So the label may be the less probable one. Such a network has one logit.
    """

    label: str = Field(examples=["A"])
    probability: float = Field(examples=[0.97])
    top: list[Label]
    logits: list[float] | None = Field(
        None,
        exclude_if=lambda logits: logits is None,
        description="only with logits=true, and only if the network does not end in a softmax or sigmoid",
        examples=[[4.1, -0.3]],
    )


class ValuePrediction(BaseModel):
    """Regression: the value in the target's units."""

    value: float = Field(examples=[151.2])


class Preprocessing(BaseModel):
    """Preprocessing of the inputs."""

    input_shape: list[int] = Field(examples=[[1, 28, 28]])
    shift: list[float] = Field(
        description="the input becomes (x − shift) / scale; one number, or one per column", examples=[[0.0]]
    )
    scale: list[float] = Field(examples=[[255.0]])
    fill: list[float] = Field([], description="replaces null in each column; empty if null is refused")
    fit: bool = Field(description="true if pictures of another size are converted")
    resize: str | None = Field(
        None, description="fit, fill or stretch, as in training; null without `fit`", examples=["fit"]
    )
    background: str = Field(description="the colour behind transparency and in margins", examples=["white"])
    inverted: list[bool] = Field(description="for each picture, true if black and white were swapped")


class PredictAnswer(BaseModel):
    """One prediction for each picture or row, in the order of the request."""

    run: str = Field(examples=["run_01k9zj4c2m8s0q1v5w7x3y6t4a"])
    model: str | None = Field(None, description="the model name that led to the run", examples=["default"])
    preprocessing: Preprocessing | None = Field(None, description="only with explain=preprocessing")
    predictions: list[LabelPrediction] | list[ValuePrediction]


Top: Any = pattern(r"(all|[1-9]\d{0,5})", "top_malformed")


class Question(BaseModel):
    """Query parameters of a prediction."""

    run: str | None = Field(None, max_length=100, description="a run's id")
    model: str | None = Field(
        None, max_length=100, description="a model's name; without run and model, `default` or else the newest run"
    )
    step: int | None = Field(None, ge=1, le=10**9, description="step of a checkpoint; by default the final weights")
    top: Top = Field("3", description="number of labels to return, or all")
    logits: bool = Field(False, description="also return logits, unless the network ends in a softmax or sigmoid")
    fit: bool = Field(False, description="convert pictures of another size")
    background: Background | None = Field(
        None, description="the colour behind transparency and in margins; by default as in training"
    )
    invert: Invert = Field(
        "false",
        description="swap black and white; auto swaps if that brings the border closer to the training pictures'",
    )
    explain: Literal["preprocessing"] | None = Field(None, description="return how the input was preprocessed")
