"""Response models of evaluations."""

from pydantic import BaseModel, Field

from app.storage.jsonable import Number


class ClassScore(BaseModel):
    label: str = Field(examples=["A"], description="the class")
    precision: float = Field(examples=[0.93], description="share of the examples labelled so that are of this class")
    recall: float = Field(examples=[0.9], description="share of this class's examples that are labelled so")
    f1: float = Field(examples=[0.915], description="harmonic mean of precision and recall")
    support: int = Field(description="number of examples of this class", examples=[200])


class Mistake(BaseModel):
    index: int = Field(description="index of the example in its dataset", examples=[17])
    label: str = Field(examples=["A"], description="the true class")
    predicted: str = Field(examples=["J"], description="the predicted class")
    probability: Number = Field(description="probability of the wrong label", examples=[0.99])


class MacroScore(BaseModel):
    """Unweighted averages over the classes."""

    precision: float = Field(examples=[0.92], description="mean of the classes' precision")
    recall: float = Field(examples=[0.91], description="mean of the classes' recall")
    f1: float = Field(examples=[0.91], description="mean of the classes' f1")


class CalibrationBin(BaseModel):
    """The examples whose predicted label has a probability above `from` and at most `to`."""

    from_: float = Field(alias="from", examples=[0.8], description="lower bound of the probability")
    to: float = Field(examples=[0.8666], description="upper bound of the probability")
    examples: int = Field(examples=[31], description="number of examples in this bin")
    confidence: float | None = Field(description="mean of these probabilities", examples=[0.84])
    accuracy: float | None = Field(description="share of correct predictions", examples=[0.81])


class Calibration(BaseModel):
    ece: Number = Field(
        description="expected calibration error; 0 if confidence equals accuracy in each bin", examples=[0.03]
    )
    bins: list[CalibrationBin] = Field(description="15 bins of equal width; none if an output is NaN")


class ClassificationEvaluation(BaseModel):
    """Evaluation of a classifier. Runs of older versions have null for newer metrics."""

    part: str = Field(examples=["test"], description="the evaluated part of the dataset")
    examples: int = Field(description="number of examples")
    accuracy: float = Field(examples=[0.9], description="share of correct labels")
    classes: list[str] = Field(examples=[["A", "B"]], description="the classes in the order of the confusion matrix")
    top_k_accuracy: dict[str, Number] | None = Field(
        None,
        description="share of examples whose class is among the k most probable, for k = 3 and 5 below the class count",
        examples=[{"3": 0.97, "5": 0.99}],
    )
    per_class: list[ClassScore] = Field(description="scores of each class")
    macro: MacroScore | None = Field(None, description="averages over the classes")
    confusion_matrix: list[list[int]] = Field(
        description="rows: true classes, columns: predicted classes", examples=[[[9, 1], [0, 10]]]
    )
    calibration: Calibration | None = Field(None, description="how well probabilities agree with accuracy")
    roc_auc: Number | None = Field(
        None, description="only for two classes: the second against the first", examples=[0.98]
    )
    most_confused: list[Mistake] = Field(description="the most confident mistakes, at most ten")


class RegressionEvaluation(BaseModel):
    """Evaluation of a regression, in the target's units."""

    part: str = Field(examples=["test"], description="the evaluated part of the dataset")
    examples: int = Field(description="number of examples")
    mse: Number = Field(description="mean squared error")
    mae: Number = Field(description="mean absolute error")
    r2: Number = Field(description="share of the target's variance that is explained; 1 is perfect")
    mape: Number | None = Field(
        description="mean absolute error as a fraction of |target|; null if a target is 0, see `zero_targets`"
    )
    zero_targets: int | None = Field(
        None, description="number of targets that are 0, or closer to it than `mape_clamp`"
    )
    mape_clamp: float = Field(description="least |target| of which `mape` is a fraction")
    mape_lecture: Number | None = Field(
        None,
        description="a fraction; the denominator is |prediction|, at least `mape_lecture_clamp`: too large predictions "
        "are favoured",
    )
    mape_lecture_clamp: float | None = Field(None, description="least denominator of `mape_lecture`")
