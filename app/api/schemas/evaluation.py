"""Response models of evaluations."""

from pydantic import BaseModel, Field

from app.storage.jsonable import Number


class ClassScore(BaseModel):
    label: str = Field(examples=["A"])
    precision: float = Field(examples=[0.93])
    recall: float = Field(examples=[0.9])
    f1: float = Field(examples=[0.915])
    support: int = Field(description="number of examples of this class", examples=[200])


class Mistake(BaseModel):
    index: int = Field(description="index of the example in its dataset", examples=[17])
    label: str = Field(examples=["A"])
    predicted: str = Field(examples=["J"])
    probability: Number = Field(description="probability of the wrong label", examples=[0.99])


class MacroScore(BaseModel):
    """Unweighted averages over the classes."""

    precision: float = Field(examples=[0.92])
    recall: float = Field(examples=[0.91])
    f1: float = Field(examples=[0.91])


class CalibrationBin(BaseModel):
    """The examples whose predicted label has a probability above `from` and at most `to`."""

    from_: float = Field(alias="from", examples=[0.8])
    to: float = Field(examples=[0.8666])
    examples: int = Field(examples=[31])
    confidence: float | None = Field(description="mean of these probabilities", examples=[0.84])
    accuracy: float | None = Field(description="share of correct predictions", examples=[0.81])


class Calibration(BaseModel):
    ece: Number = Field(
        description="expected calibration error; 0 if confidence equals accuracy in each bin", examples=[0.03]
    )
    bins: list[CalibrationBin] = Field(description="15 bins of equal width; none if an output is NaN")


class ClassificationEvaluation(BaseModel):
    """Evaluation of a classifier. Runs of older versions have null for newer metrics."""

    part: str = Field(examples=["test"])
    examples: int
    accuracy: float = Field(examples=[0.9])
    classes: list[str] = Field(examples=[["A", "B"]])
    top_k_accuracy: dict[str, Number] | None = Field(
        None,
        description="share of examples whose class is among the k most probable, for k = 3 and 5 below the class count",
        examples=[{"3": 0.97, "5": 0.99}],
    )
    per_class: list[ClassScore]
    macro: MacroScore | None = None
    confusion_matrix: list[list[int]] = Field(
        description="rows: true classes, columns: predicted classes", examples=[[[9, 1], [0, 10]]]
    )
    calibration: Calibration | None = None
    roc_auc: Number | None = Field(
        None, description="only for two classes: the second against the first", examples=[0.98]
    )
    most_confused: list[Mistake] = Field(description="the most confident mistakes, at most ten")


class RegressionEvaluation(BaseModel):
    """Evaluation of a regression, in the target's units."""

    part: str = Field(examples=["test"])
    examples: int
    mse: Number
    mae: Number
    r2: Number
    mape: Number = Field(description="a fraction; the denominator is |target|, at least `mape_clamp`")
    mape_clamp: float
    mape_lecture: Number | None = Field(
        None,
        description="a fraction; the denominator is |prediction|, at least `mape_lecture_clamp`: too large predictions "
        "are favoured",
    )
    mape_lecture_clamp: float | None = None
