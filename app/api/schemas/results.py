"""What the API answers about what a run has learnt: curves, checkpoints, evaluations."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, RootModel

from app.storage.jsonable import Number


class Points(BaseModel):
    step: list[int] = Field(examples=[[1, 2, 3]])
    value: list[Number] = Field(examples=[[2.31, 2.05, "NaN"]])
    stands_for: list[int] | None = Field(None, description="how many points each stands for, where it was thinned")


class CurveAnswer(BaseModel):
    """The series by name; one that was thinned keeps the minimum and the maximum of each bucket."""

    run: str
    points: int = Field(description="in all series together", examples=[1000])
    downsampled: bool
    series: dict[str, Points] = Field(examples=[{"train.loss": {"step": [1, 2, 3], "value": [2.31, 2.05, 1.9]}}])


class LayerDiagnostics(BaseModel):
    """One layer over time: of a layer that learns the L2 norms of its gradient and of its parameters, the size of an
    update as a share of theirs, and the share of units that are twins of the first; of a ReLU the share of dead units
    (0 for every example of the probe), of a sigmoid or tanh the share of saturated outputs; of each its outputs' mean
    and spread. The input has the root mean square of its largest and smallest column."""

    layer: str = Field(
        description="its number in the network; within a block with the repetition, 3.0.1; or `input`", examples=["0"]
    )
    pointer: str = Field(description="JSON pointer to it in the run's request", examples=["/model/layers/0"])
    type: str = Field(examples=["linear"])
    measures: dict[str, Points] = Field(
        description="gradient_norm, weight_norm, update_ratio, twin_units, dead_units, saturated_units, "
        "activation_mean, activation_spread, largest_column, smallest_column: those that the layer has",
        examples=[{"gradient_norm": {"step": [1, 2, 4], "value": [0.91, 0.74, 0.52]}}],
    )


class DiagnosticsAnswer(BaseModel):
    """The layers in the network's order. `GET /runs/{id}/curve?series=layer.0.gradient_norm` has a series alone."""

    run: str
    layers: list[LayerDiagnostics]


class FindingAnswer(BaseModel):
    """One cause, with the numbers that show it and one change to try. What follows from it is no finding of its own."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "code": "learning_rate_too_high",
                    "severity": "error",
                    "finding": "with the learning rate 1 the loss rose from 2.32 to 2.07e+04 at step 6; one step "
                    "changed the weights of layer 2 (linear) by 100% of them",
                    "evidence": {"learning_rate": 1.0, "first_loss": 2.32, "highest_loss": 20700.0, "step": 6,
                                 "layer": "2", "update_ratio": 1.0},
                    "try": 'set "optimizer": {"lr": 0.1}',
                    "change": {"code": "set_field", "params": {"path": "optimizer.lr", "json": "0.1"}},
                    "fix": {"field": "/optimizer/lr", "value": 0.1},
                }
            ]
        },
    )  # fmt: skip

    code: str = Field(examples=["learning_rate_too_high"])
    severity: Literal["error", "warning", "hint"] = Field(
        description="error: it learns little or nothing; warning: it learns, and would do better; hint: worth a look"
    )
    finding: str
    evidence: dict[str, Number | str | list[Number] | None]
    text: str = Field(alias="try", description="one change to try")
    change: MessageAnswer = Field(description="`try` as data")
    fix: FixAnswer | None = Field(None, description="the field that `try` sets, where it sets a single one")


class DiagnosisAnswer(RootModel[list[FindingAnswer]]):
    """Worst first; empty for a sound run, and where nothing is sure."""


class CheckpointAnswer(BaseModel):
    step: int = Field(examples=[500])
    epoch: int = Field(examples=[10])
    metrics: dict[str, dict[str, Number]] | None = Field(description="of the last epoch before it, by part")
    created_at: str


class CheckpointList(BaseModel):
    items: list[CheckpointAnswer]


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
    """Runs of before some of it was measured answer null there."""

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


class CancelledAnswer(BaseModel):
    cancelled: int = Field(description="how many runs were open", examples=[3])
