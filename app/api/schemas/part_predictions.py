"""Response models of the predictions for a part of a run's dataset."""

from pydantic import BaseModel, Field

from app.storage.jsonable import Number


class PredictedExample(BaseModel):
    """An example, with what the run predicts for it."""

    index: int = Field(description="as in /datasets/{id}/images/{index}.png", examples=[17])
    label: str | Number = Field(description="the class, or the target's value", examples=["A"])
    predicted: str | Number = Field(description="the predicted class or value", examples=["J"])
    probability: Number | None = Field(
        description="the probability of the predicted class; null for a value", examples=[0.99]
    )


class ExamplePage(BaseModel):
    """The first of the examples that match."""

    part: str = Field(examples=["test"], description="the part of the dataset")
    count: int = Field(description="number of examples that match", examples=[7])
    items: list[PredictedExample] = Field(
        description="the first of them: the most certain predictions, or for values the largest errors"
    )
