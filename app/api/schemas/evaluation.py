"""Response models of evaluations."""

from pydantic import BaseModel, Field

from app.storage.jsonable import Number


class ClassScore(BaseModel):
    label: str = Field(examples=["A"])
    precision: float = Field(examples=[0.93])
    recall: float = Field(examples=[0.9])
    f1: float = Field(examples=[0.915])
    support: int = Field(description="examples of this class", examples=[200])


class Mistake(BaseModel):
    index: int = Field(description="of the example in its dataset", examples=[17])
    label: str = Field(examples=["A"])
    predicted: str = Field(examples=["J"])
    probability: Number = Field(description="that the network gave to its mistake", examples=[0.99])


class MacroScore(BaseModel):
    """The plain averages over the classes, however many examples each has."""

    precision: float = Field(examples=[0.92])
    recall: float = Field(examples=[0.91])
    f1: float = Field(examples=[0.91])


class CalibrationBin(BaseModel):
    """The examples whose label was predicted with a probability over `from` and up to `to`."""

    from_: float = Field(alias="from", examples=[0.8])
    to: float = Field(examples=[0.8666])
    examples: int = Field(examples=[31])
    confidence: float | None = Field(description="the mean of those probabilities", examples=[0.84])
    accuracy: float | None = Field(description="the share that is right", examples=[0.81])


class Calibration(BaseModel):
    ece: Number = Field(
        description="the expected calibration error: 0 is sure exactly as often as right", examples=[0.03]
    )
    bins: list[CalibrationBin] = Field(description="15 of equal width; none where the network answers with NaN")


class ClassificationEvaluation(BaseModel):
    """Evaluation of a classifier. Metrics that older versions did not measure are null in their runs."""

    part: str = Field(examples=["test"])
    examples: int
    accuracy: float = Field(examples=[0.9])
    classes: list[str] = Field(examples=[["A", "B"]])
    top_k_accuracy: dict[str, Number] | None = Field(
        None,
        description="the class is among the k most probable; for k of 3 and 5 below the number of classes",
        examples=[{"3": 0.97, "5": 0.99}],
    )
    per_class: list[ClassScore]
    macro: MacroScore | None = None
    confusion_matrix: list[list[int]] = Field(
        description="row: the true class, column: the predicted one", examples=[[[9, 1], [0, 10]]]
    )
    calibration: Calibration | None = None
    roc_auc: Number | None = Field(None, description="of two classes: the second against the first", examples=[0.98])
    most_confused: list[Mistake] = Field(description="the most confident mistakes, up to ten")


class RegressionEvaluation(BaseModel):
    """In the target's own units."""

    part: str = Field(examples=["test"])
    examples: int
    mse: Number
    mae: Number
    r2: Number
    mape: Number = Field(description="a fraction; |target| in the denominator, at least `mape_clamp`")
    mape_clamp: float
    mape_lecture: Number | None = Field(
        None, description="|prediction| in the denominator, at least `mape_lecture_clamp`: flatters what is too large"
    )
    mape_lecture_clamp: float | None = None
