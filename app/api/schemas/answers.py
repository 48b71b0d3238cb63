"""What the API answers."""

from datetime import UTC, datetime
from typing import Any, overload

from pydantic import BaseModel, Field

from app.storage.runs import step_of
from app.storage.tables import Dataset, ModelVersion, Run


@overload
def rfc3339(seconds: float) -> str: ...
@overload
def rfc3339(seconds: None) -> None: ...
@overload
def rfc3339(seconds: float | None) -> str | None: ...
def rfc3339(seconds: float | None) -> str | None:
    """Seconds since 1970 as a time in UTC."""
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


class Queue(BaseModel):
    position: int = Field(description="1 is next")
    estimated_start: str | None = Field(description="from how long the last runs took; null before there are any")


class Warned(BaseModel):
    code: str = Field(examples=["linear_stack_collapses"])
    pointer: str = Field(description="JSON pointer to the field of the request", examples=["/model/layers/1"])
    detail: str = Field(examples=["two linear layers with nothing between them are one linear layer"])
    fix: str = Field(description="one change to try", examples=['put {"type": "relu"} between them, or leave one out'])


class RunAnswer(BaseModel):
    """A run."""

    id: str = Field(examples=["run_01k9zj4c2m8s0q1v5w7x3y6t4a"])
    name: str | None
    status: str = Field(description="queued, running, paused, succeeded, failed or cancelled", examples=["running"])
    stop_reason: str | None = Field(examples=["max_epochs"])
    error: dict[str, Any] | None = Field(description="type, message and the last lines of the trace")
    task: str = Field(examples=["classification"])
    request: dict[str, Any] = Field(description="as resolved: every default filled in")
    slip: str | None = Field(description="what it does wrong on purpose, as a trial of an experiment; null elsewhere")
    environment: dict[str, Any] = Field(
        description="versions, threads, the dataset's name, version and checksum, examples in each part",
        examples=[{"dataset_name": "letters", "dataset_version": 2, "examples": {"train": 800, "validation": 200}}],
    )
    progress: dict[str, Any]
    queue: Queue | None
    warnings: list[Warned] = Field(
        description="known before the training, or when its worker begins; none of them blocks"
    )
    metrics: dict[str, dict[str, Any] | None]
    served_step: int | None = Field(description="the step whose parameters /predict uses; null before the end")
    attempt: int
    worker: str | None
    device: str | None
    created_at: str | None
    started_at: str | None
    finished_at: str | None
    links: dict[str, str]


def run_answer(run: Run, queue: Queue | None = None) -> RunAnswer:
    """The run as clients see it."""
    here = f"/runs/{run.id}"
    below = (
        *("curve", "events", "cancel", "evaluation", "architecture", "diagram.svg", "diagnostics", "diagnosis"),
        *("checkpoints", "weights", "script"),
    )
    links = {name: f"{here}/{name}" for name in below}
    return RunAnswer(
        id=run.id,
        name=run.name,
        status="queued" if queue else run.status,
        stop_reason=run.stop_reason,
        error=run.error,
        task=run.task,
        request=run.request,
        slip=run.fault,
        environment=run.environment,
        progress=run.progress,
        queue=queue,
        warnings=[Warned(**warning) for warning in run.warnings or []],
        metrics={part: run.metrics.get(part) for part in ("train", "validation", "test")},
        served_step=step_of(run.weights) if run.weights else None,
        attempt=run.attempt,
        worker=run.worker,
        device=run.device,
        created_at=rfc3339(run.created_at),
        started_at=rfc3339(run.started_at),
        finished_at=rfc3339(run.finished_at),
        links={"self": here, **links, "predict": f"/predict?run={run.id}"},
    )


class RunPage(BaseModel):
    """Runs, newest first; `next` is the cursor of the following page."""

    items: list[RunAnswer]
    next: str | None


class ClassCount(BaseModel):
    index: int
    label: str
    count: int


class DatasetItem(BaseModel):
    """A dataset in a list. What there is to know of its examples comes when it is ready."""

    id: str = Field(examples=["notmnist"])
    name: str = Field(description="stands for its newest version that is ready")
    version: int = Field(description="counts from 1: an upload under a taken name is the next")
    status: str = Field(description="importing, ready, failed or cancelled", examples=["ready"])
    progress: dict[str, Any] = Field(
        description="of an import: the fraction that has been read, and examples so far",
        examples=[{"fraction": 0.42, "examples": 25_000}],
    )
    error: str | None = Field(description="why the import has failed, and what would be right")
    task: str | None = Field(None, examples=["classification"])
    examples: int | None = None
    shape: list[int] | None = Field(None, description="of one input, channels first", examples=[[1, 28, 28]])
    target: str | None = Field(None, description="the column of a table that is predicted")
    encoding: str | None = Field(None, description="of a CSV file, as it was found")
    separator: str | None = Field(None, description="of a CSV file, as it was found")
    own_split: list[str] = Field([], description="the parts that the upload itself names", examples=[["train", "test"]])
    missing: int = Field(0, description="how many numbers of a table's inputs are; each counts as its column's mean")
    missing_categories: int = Field(
        0, description="how many values of a table's categories are; each is 0 in all of the category's columns"
    )
    checksum: str | None = Field(None, description="SHA-256 over values, types, shapes and names")
    class_count: int = Field(description="how many classes there are", examples=[10])
    column_count: int = Field(description="of an uploaded table, without the target", examples=[13])
    skipped_count: int = Field(description="how many files or rows could not be read", examples=[2])
    warning_count: int = Field(description="how many warnings there are", examples=[0])
    created_at: str | None


class DatasetAnswer(DatasetItem):
    """A dataset, with all that is long as well."""

    reading: dict[str, Any] | None = Field(description="how the upload was to be read; null for what is built in")
    classes: list[ClassCount] = []
    feature_names: list[str] = Field([], description="of the inputs' columns, a category one for each of its values")
    columns: list[dict[str, Any]] = Field([], description="of a table: type, categories, and how many are missing")
    unread_columns: list[str] = Field([], description="of a Parquet file: of types that are neither numbers nor text")
    warnings: list[str] = []
    files: list[dict[str, Any]] = Field([], description="of the catalogue: SHA-256 of each, and whether it was known")
    skipped: list[dict[str, str]] = Field(description="files that could not be read, each with the reason")


def dataset_item(dataset: Dataset) -> DatasetItem:
    """The dataset as clients see it in a list."""
    return DatasetItem(**_of_dataset(dataset))


def dataset_answer(dataset: Dataset) -> DatasetAnswer:
    """The dataset as clients see it."""
    return DatasetAnswer(reading=dataset.source.get("reading"), skipped=dataset.skipped, **_of_dataset(dataset))


def _of_dataset(dataset: Dataset) -> dict[str, Any]:
    return dataset.about | {
        "id": dataset.id,
        "name": dataset.name,
        "version": dataset.version,
        "status": dataset.status,
        "progress": dataset.progress,
        "error": dataset.error,
        "class_count": len(dataset.about.get("classes", [])),
        "column_count": len(dataset.about.get("columns", [])),
        "skipped_count": dataset.about.get("skipped_count", len(dataset.skipped)),
        "warning_count": len(dataset.about.get("warnings", [])),
        "created_at": rfc3339(dataset.created_at),
    }


class DatasetPage(BaseModel):
    items: list[DatasetItem] = Field(description="without what is long, which GET /datasets/{id} has")
    next: str | None


class Sample(BaseModel):
    index: int = Field(description="as in /datasets/{id}/images/{index}.png", examples=[17])
    label: str | float = Field(description="the class, or the target's value", examples=["A"])
    part: str = Field(examples=["test"])


class SampleList(BaseModel):
    items: list[Sample]


class Version(BaseModel):
    version: int = Field(examples=[2])
    run: str = Field(examples=["run_01k9zj4c2m8s0q1v5w7x3y6t4a"])
    created_at: str


class ModelAnswer(BaseModel):
    """A name for a trained run."""

    name: str = Field(examples=["letters"])
    run: str = Field(description="that it points at now", examples=["run_01k9zj4c2m8s0q1v5w7x3y6t4a"])
    history: list[Version] = Field(description="newest first; PUT an older run to roll back")


class ModelList(BaseModel):
    items: list[ModelAnswer]


def model_answer(versions: list[ModelVersion]) -> ModelAnswer:
    """The name as clients see it, from its versions, newest first."""
    history = [Version(version=v.version, run=v.run, created_at=rfc3339(v.created_at)) for v in versions]
    return ModelAnswer(name=versions[0].model, run=versions[0].run, history=history)


class WorkerAnswer(BaseModel):
    id: str
    device: str | None = Field(description="on which it trains; null while it trains nothing", examples=["cpu"])
    concurrency: int = Field(description="how many runs it takes at once", examples=[1])
    runs: list[str] = Field(description="those that it trains now")
    started_at: str
    heartbeat_at: str


class WorkerList(BaseModel):
    items: list[WorkerAnswer]


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
    """What was done to what was sent, before the network saw it."""

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
