"""Request and response models of logged predictions and their corrections."""

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from app.api.input_content import picture_of, row_of
from app.api.schemas.models import A_RUN
from app.api.schemas.times import AN_INSTANT, rfc3339
from app.learning.errors import InvalidChoice
from app.runs.request_model import RequestModel
from app.storage.predictions import RunFeedback
from app.storage.tables import ModelVersion, Prediction

A_PREDICTION = "prd_01k9zk3t5m8s0q1v5w7x3y6t4a"
A_PICTURE = "data:image/png;base64,iVBORw0KGgo="


class Correction(RequestModel):
    """The right class, or the right value, for an input."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": ["label"]}, {"required": ["value"]}],
            "examples": [{"label": "B"}, {"value": 148.0}],
        }
    )

    label: str | None = Field(None, max_length=200, description="one of the classes of the run", examples=["B"])
    value: float | None = Field(None, description="of a regression, in the target's units", examples=[148.0])

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.label is None) == (self.value is None):
            raise InvalidChoice("label_or_value")
        return self


class PredictionAnswer(BaseModel):
    """A logged prediction."""

    id: str = Field(description="the prediction's id", examples=[A_PREDICTION])
    model: str = Field(description="the model that was asked", examples=["letters"])
    version: int = Field(description="the version of its name", examples=[2])
    run: str = Field(description="the run that predicted", examples=[A_RUN])
    created_at: str = Field(description="time of the prediction", examples=[AN_INSTANT])
    label: str | None = Field(description="the predicted class; null for a value", examples=["A"])
    probability: float | None = Field(description="its probability", examples=[0.61])
    value: float | None = Field(description="the predicted value; null for a class", examples=[151.2])
    true_label: str | None = Field(description="the right class; null until a label is given", examples=["B"])
    true_value: float | None = Field(description="the right value; null until a label is given", examples=[148.0])
    picture: str | None = Field(description="the picture as a data: address; null for a row", examples=[A_PICTURE])
    row: list[float] | None = Field(description="the numbers of a row; null for a picture", examples=[[0.5, 3.0]])


class PredictionPage(BaseModel):
    items: list[PredictionAnswer] = Field(description="newest first")
    next: str | None = Field(description="`cursor` of the next page; null on the last one")


class RunFeedbackAnswer(BaseModel):
    """Feedback on the predictions of one run."""

    run: str = Field(description="the run that predicted", examples=[A_RUN])
    logged: int = Field(description="number of its logged predictions", examples=[1000])
    labelled: int = Field(description="of these, with a correction", examples=[40])
    accuracy: float | None = Field(
        description="share of these that were right; null for values, and without any", examples=[0.9]
    )
    mean_absolute_error: float | None = Field(
        description="of values, in the target's units; null for classes, and without any", examples=[4.2]
    )


class FeedbackAnswer(BaseModel):
    """Quality of a model by the corrections of its predictions."""

    model: str = Field(description="the model's name", examples=["letters"])
    logged: int = Field(description="number of logged predictions", examples=[1000])
    labelled: int = Field(description="of these, with a correction", examples=[40])
    accuracy: float | None = Field(
        description="share of these that were right; null for values, and without any", examples=[0.9]
    )
    runs: list[RunFeedbackAnswer] = Field(description="the runs that have predicted, each by itself")


def prediction_answer(prediction: Prediction) -> PredictionAnswer:
    """The response for a logged prediction."""
    return PredictionAnswer(
        id=prediction.id,
        model=prediction.model,
        version=prediction.version,
        run=prediction.run,
        created_at=rfc3339(prediction.created_at),
        label=prediction.label,
        probability=prediction.probability,
        value=prediction.value,
        true_label=prediction.true_label,
        true_value=prediction.true_value,
        picture=picture_of(prediction.content),
        row=row_of(prediction.content),
    )


def feedback_answer(version: ModelVersion, runs: list[RunFeedback]) -> FeedbackAnswer:
    """The response for a model's feedback."""
    labelled, right = sum(run.labelled for run in runs), sum(run.right for run in runs)
    is_value = any(run.error is not None for run in runs)
    return FeedbackAnswer(
        model=version.model,
        logged=sum(run.logged for run in runs),
        labelled=labelled,
        accuracy=right / labelled if labelled and not is_value else None,
        runs=[
            RunFeedbackAnswer(
                run=run.run,
                logged=run.logged,
                labelled=run.labelled,
                accuracy=run.right / run.labelled if run.labelled and run.error is None else None,
                mean_absolute_error=run.error,
            )
            for run in runs
        ],
    )
