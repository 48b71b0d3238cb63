"""Query and response models of predictions."""

from typing import Any, Literal

from pydantic import BaseModel, Field

from app.api.schemas.import_options import Background
from app.datasets.images.picture_format import Crop
from app.runs.request_model import pattern
from app.serving.decoding import Invert


class Label(BaseModel):
    label: str = Field(examples=["A"], description="the class")
    probability: float = Field(examples=[0.97], description="its probability")


class LabelPrediction(BaseModel):
    """Classification: the label, its probability, and the most probable labels.

    A network with one output for two classes predicts the second class if its probability reaches the loss's
    `threshold`. So the label may be the less probable one. Such a network has one logit.
    """

    label: str = Field(examples=["A"], description="the predicted class")
    probability: float = Field(examples=[0.97], description="the probability of `label`")
    top: list[Label] = Field(description="the most probable classes, best first")
    logits: list[float] | None = Field(
        None,
        exclude_if=lambda logits: logits is None,
        description="only with logits=true, and only if the network does not end in a softmax or sigmoid",
        examples=[[4.1, -0.3]],
    )


class ValuePrediction(BaseModel):
    """Regression: the value in the target's units."""

    value: float = Field(examples=[151.2], description="the predicted value")


class Preprocessing(BaseModel):
    """Preprocessing of the inputs."""

    input_shape: list[int] = Field(examples=[[1, 28, 28]], description="shape of one input, channels first")
    shift: list[float] = Field(
        description="the input becomes (x − shift) / scale; one number, or one per column", examples=[[0.0]]
    )
    scale: list[float] = Field(examples=[[255.0]], description="one number, or one per column")
    fill: list[float] = Field([], description="replaces null in each column; empty if null is refused")
    fit: bool = Field(description="true if pictures of another size are converted")
    resize: str | None = Field(
        None, description="fit, fill or stretch, as in training; null without `fit`", examples=["fit"]
    )
    background: str = Field(description="the colour behind transparency and in margins", examples=["white"])
    depth: int = Field(16, description="bits of a pixel in 16-bit pictures, as in training", examples=[16])
    margin: float | None = Field(
        None, description="with crop=ink: the margin around the ink, as a fraction of its longer side", examples=[0.1]
    )
    inverted: list[bool] = Field(description="for each picture, true if black and white were swapped")
    uniform: list[bool] = Field([], description="for each picture, true if it is of one value everywhere")
    remarks: list[str] = Field([], description="what is wrong with a picture, and what to change")
    seen: list[Any] | None = Field(
        None,
        description="the converted pictures as the network sees them, before shift and scale: values from 0 to 255 in "
        "the shape of an input; for up to 16 pictures",
        examples=[[[[[0, 255], [255, 0]]]]],
    )


class SaliencyAnswer(BaseModel):
    """Saliency of the numbers of an input: how much each speaks for the class.

    Those of integrated gradients sum to the difference of the class's logit to that of an empty input.
    """

    target: str | None = Field(description="the class; null for a value", examples=["A"])
    values: list[Any] = Field(
        description="numbers in the shape of the input, channels first", examples=[[[[0.1, -0.2]]]]
    )


class PredictAnswer(BaseModel):
    """One prediction for each picture or row, in the order of the request."""

    run: str = Field(examples=["run_01k9zj4c2m8s0q1v5w7x3y6t4a"], description="the run that predicted")
    model: str | None = Field(None, description="the model name that led to the run", examples=["default"])
    preprocessing: Preprocessing | None = Field(None, description="only with explain=preprocessing")
    inputs: list[str] | None = Field(
        None,
        exclude_if=lambda names: names is None,
        description="the names of the pictures, if the body was an archive of them",
        examples=[["a/1.png", "b/2.png"]],
    )
    logged: list[str] | None = Field(
        None,
        exclude_if=lambda ids: ids is None,
        description="ids of the predictions, if they are logged; POST /predictions/{id}/label says what is right",
        examples=[["prd_01k9zk3t5m8s0q1v5w7x3y6t4a"]],
    )
    saliency: list[SaliencyAnswer] | None = Field(
        None,
        exclude_if=lambda saliency: saliency is None,
        description="only with explain=gradient or integrated: one for each input",
    )
    predictions: list[LabelPrediction] | list[ValuePrediction] = Field(
        description="one for each input, in the order of the request"
    )


Top: Any = pattern(r"(all|[1-9]\d{0,5})", "top_malformed")


class Question(BaseModel):
    """Query parameters of a prediction."""

    run: str | None = Field(None, max_length=100, description="a run's id; with `model`, one of its history")
    model: str | None = Field(
        None,
        max_length=120,
        description="a model's name, or name@version; without run and model, `default` or else the newest run",
    )
    sticky: str | None = Field(
        None,
        max_length=200,
        description="any text, such as a user's name: of a model whose requests several runs share, one text always "
        "gets the same run",
    )
    step: int | None = Field(
        None, ge=1, le=10**9, description="step of a checkpoint of the run; by default the final weights"
    )
    top: Top = Field("3", description="number of labels to return, or all")
    logits: bool = Field(False, description="also return logits, unless the network ends in a softmax or sigmoid")
    fit: bool = Field(False, description="convert pictures of another size")
    crop: Crop | None = Field(
        None,
        description="ink: cut a photo to what stands out from its ground, with the margin of the training pictures; "
        "implies fit, and invert=auto unless invert is given",
    )
    background: Background | None = Field(
        None, description="the colour behind transparency and in margins; by default as in training"
    )
    invert: Invert | None = Field(
        None,
        description="swap black and white; false by default; auto swaps if that brings the border closer to the "
        "training pictures'",
    )
    explain: Literal["preprocessing", "gradient", "integrated"] | None = Field(
        None,
        description="preprocessing: return how the input was preprocessed; gradient or integrated (gradients): return "
        "how much each number of the input speaks for the class, for up to 16 inputs",
    )
    target: str | None = Field(None, max_length=200, description="the class to explain; by default the predicted one")
