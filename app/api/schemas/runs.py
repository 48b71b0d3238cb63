"""Response models of runs."""

from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from app.api.addresses import address
from app.api.schemas.times import AN_INSTANT, rfc3339
from app.constants import RunStatus
from app.runs.views import RunView
from app.storage.deletion import Deletion
from app.storage.jsonable import Number
from app.storage.runs import step_of
from app.storage.tables import Run

LISTED = 1000  # ids in one answer
# Examples for the OpenAPI document
A_RUN = "run_01k9zj4c2m8s0q1v5w7x3y6t4a"
A_PROGRESS = {
    "step": 600, "epoch": 12, "seconds": 0.7, "max_steps": 1000, "steps_per_epoch": 50, "fraction": 0.6,
    "steps_per_second": 850.1, "eta_seconds": 0.5,
}  # fmt: skip
THE_METRICS = {
    "train": {"loss": 0.31, "accuracy": 0.92},
    "validation": {"loss": 0.4, "accuracy": 0.89},
    "test": {"loss": 0.42, "accuracy": 0.88},
}


class Queue(BaseModel):
    position: int = Field(description="1 starts next")
    estimated_start: str | None = Field(
        description="estimated from the durations of recent runs; null before there are any"
    )


class Warned(BaseModel):
    code: str = Field(
        examples=["linear_stack_collapses"],
        description="stable code of the warning; docs/errors.md has a section for each",
    )
    pointer: str = Field(description="JSON pointer to the field of the request", examples=["/model/layers/1"])
    detail: str = Field(
        examples=["two linear layers with nothing between them are one linear layer"],
        description="the warning as a sentence",
    )
    fix: str = Field(description="one change to try", examples=['put {"type": "relu"} between them, or leave one out'])


class Progress(TypedDict, total=False):
    """The progress of a training; empty before the first report."""

    step: Annotated[int, Field(description="number of steps so far")]
    epoch: Annotated[int, Field(description="number of whole epochs so far")]
    seconds: Annotated[float, Field(description="seconds of training, over all attempts")]
    max_steps: Annotated[int | None, Field(description="null if only time or a loss ends the run")]
    steps_per_epoch: Annotated[int, Field(description="number of batches of the training part")]
    fraction: Annotated[float, Field(description="of the whole run, from 0 to 1")]
    steps_per_second: Annotated[float, Field(description="the present pace")]
    eta_seconds: Annotated[float | None, Field(description="estimated time to the end; null if it is not known")]


class Metrics(TypedDict):
    """The newest metrics of each part; null before there are any. `mape` is null if a target is 0."""

    train: Annotated[dict[str, Number | None] | None, Field(description="of the training part, by name")]
    validation: Annotated[dict[str, Number | None] | None, Field(description="of the validation part, by name")]
    test: Annotated[
        dict[str, Number | None] | None, Field(description="of the test part, by name; measured at the end")
    ]


class RunError(TypedDict, total=False):
    """The reason of a failure."""

    type: Annotated[str, Field(description="the kind of failure")]
    message: Annotated[str, Field(description="the failure as a sentence")]
    trace: Annotated[list[str], Field(description="the last lines that the training process printed")]
    code: Annotated[str, Field(description="error code; docs/errors.md has a section for each")]
    params: Annotated[dict[str, Any], Field(description="the values that the message mentions")]


Fields = dict[str, Any]  # a registry entry: its name or type, and its hyperparameters


class ResolvedModel(TypedDict):
    layers: Annotated[list[Fields], Field(description="including the output layer; see GET /layers")]


class ResolvedRequest(TypedDict, total=False):
    """The request with every default filled in. Runs of older versions lack newer fields."""

    name: Annotated[str | None, Field(description="the run's name")]
    dataset: Annotated[str, Field(description="id of the dataset's version")]
    split: Annotated[Fields, Field(description="how the examples are divided into parts")]
    normalise: Annotated[str | None, Field(description="of pictures: standard, unit or none; null for a table")]
    scaling: Annotated[
        dict[str, str] | None,
        Field(description="of a table: standard or none, for inputs and target; null for pictures"),
    ]
    augment: Annotated[
        Fields | None, Field(description="random changes to the pictures of a training batch; null for none")
    ]
    model: Annotated[ResolvedModel, Field(description="the network")]
    loss: Annotated[Fields | str, Field(description="see GET /losses; older versions stored only the name")]
    optimizer: Annotated[Fields, Field(description="see GET /optimizers")]
    schedule: Annotated[Fields, Field(description="see GET /schedules")]
    batch_size: Annotated[int | Literal["full"] | None, Field(description='examples per batch, or "full"')]
    accumulate: Annotated[int, Field(description="number of batches per step")]
    clip_norm: Annotated[float | None, Field(description="maximum L2 norm of the gradient; null for none")]
    stop: Annotated[Fields, Field(description="the stop criteria; null for those that do not apply")]
    seed: Annotated[int, Field(description="seed of all random choices")]
    device: Annotated[str, Field(description="auto, cpu or cuda")]
    precision: Annotated[str, Field(description="fp32 or bf16")]
    tags: Annotated[dict[str, str], Field(description="labels to filter runs by")]
    priority: Annotated[int, Field(description="runs with a higher priority start first")]


class RunAnswer(BaseModel):
    """A run."""

    id: str = Field(examples=[A_RUN], description="the run's id")
    name: str | None = Field(description="the name that the request gives it")
    owner: str | None = Field(examples=["s1"], description="the owner of the key that made it; null if it is common")
    status: RunStatus = Field(examples=["running"], description="where the run is in its life")
    stop_reason: str | None = Field(
        examples=["max_epochs"], description="the criterion that ended the run; null before the end"
    )
    error: RunError | None = Field(description="type, message and the last lines of the trace")
    task: str = Field(examples=["classification"], description="classification or regression, as the dataset says")
    request: ResolvedRequest = Field(
        description="the request with every default filled in",
        examples=[{"dataset": "ds_01k9zj4c2m8s0q1v5w7x3y6t4a", "seed": 0, "optimizer": {"name": "adam", "lr": 0.001}}],
    )
    slip: str | None = Field(description="code of the deliberate mistake in a trial of an experiment; otherwise null")
    environment: dict[str, Any] = Field(
        description="versions, threads, the dataset's name, version and checksum, number of examples in each part; "
        "`program` with the number of its `members` and its `products` (`batched`, or each member's `own`) if it "
        "trains with others",
        examples=[{"dataset_name": "letters", "dataset_version": 2, "examples": {"train": 800, "validation": 200}}],
    )
    progress: Progress = Field(
        description="how far the training is; empty before the first report",
        examples=[A_PROGRESS],
    )
    queue: Queue | None = Field(description="place in the queue; null unless the run is queued")
    warnings: list[Warned] = Field(description="found before the training or at its start; they do not stop the run")
    metrics: Metrics = Field(
        description="the newest metrics of each part",
        examples=[THE_METRICS],
    )
    served_step: int | None = Field(description="the step whose parameters /predict uses; null before the end")
    attempt: int = Field(description="number of executions by a worker; above 1 if a worker or a child died")
    worker: str | None = Field(description="the worker that trains or has trained the run")
    device: str | None = Field(description="the device that it trains or has trained on")
    bytes: int | None = Field(
        description="size of its checkpoints, weights and curve; null for a run of an older version",
        examples=[1_254_400],
    )
    created_at: str | None = Field(description="time of the request", examples=[AN_INSTANT])
    started_at: str | None = Field(description="time at which the training started; null before", examples=[AN_INSTANT])
    finished_at: str | None = Field(description="time at which the run ended; null before", examples=[AN_INSTANT])
    links: dict[str, str] = Field(
        description="addresses of what belongs to the run, by name",
        examples=[{"self": f"/runs/{A_RUN}", "curve": f"/runs/{A_RUN}/curve"}],
    )


def metrics_answer(run: Run) -> Metrics:
    """The newest metrics of each part."""
    parts = run.metrics.get
    return Metrics(train=parts("train"), validation=parts("validation"), test=parts("test"))


def run_answer(view: RunView) -> RunAnswer:
    """The response for a run, with its queue position while it waits for a worker."""
    run, place = view.run, view.queue
    queue = Queue(position=place.position, estimated_start=rfc3339(place.estimated_start)) if place else None
    here = address(f"/runs/{run.id}")
    below = (
        *("curve", "events", "cancel", "evaluation", "architecture", "diagram.svg", "diagnostics", "diagnosis"),
        *("checkpoints", "timeline", "weights", "onnx", "script", "card"),
    )
    links = {name: f"{here}/{name}" for name in below}
    return RunAnswer(
        id=run.id,
        name=run.name,
        owner=run.owner or None,
        status=view.status,
        stop_reason=run.stop_reason,
        error=cast(RunError | None, run.error),
        task=run.task,
        request=cast(ResolvedRequest, run.request),
        slip=run.fault,
        environment=run.environment,
        progress=cast(Progress, run.progress),
        queue=queue,
        warnings=[Warned(**warning) for warning in run.warnings or []],
        metrics=metrics_answer(run),
        served_step=step_of(run.weights) if run.weights else None,
        attempt=run.attempt,
        worker=run.worker,
        device=run.device,
        bytes=run.bytes,
        created_at=rfc3339(run.created_at),
        started_at=rfc3339(run.started_at),
        finished_at=rfc3339(run.finished_at),
        links={"self": here, **links, "predict": address(f"/predict?run={run.id}")},
    )


class RunPage(BaseModel):
    """Runs, newest first; `next` is the cursor of the following page."""

    items: list[RunAnswer] = Field(description="the runs of this page")
    next: str | None = Field(description="`cursor` of the next page; null on the last one")


class CheckpointAnswer(BaseModel):
    step: int = Field(examples=[500], description="the step after which it was saved")
    epoch: int = Field(examples=[10], description="number of whole epochs before it")
    metrics: dict[str, dict[str, Number | None]] | None = Field(
        description="metrics of the last epoch before it, by part"
    )
    created_at: str = Field(description="time at which it was saved", examples=[AN_INSTANT])


class CheckpointList(BaseModel):
    items: list[CheckpointAnswer] = Field(description="the checkpoints that are kept, in the order of the steps")


class DeletedAnswer(BaseModel):
    deleted: int = Field(description="number of runs that were deleted, or would be", examples=[12])
    bytes: int = Field(description="size of their checkpoints, weights and curves", examples=[15_052_800])
    runs: list[str] = Field(description=f"their ids, newest first, at most {LISTED:,}", examples=[[A_RUN]])
    kept: int = Field(
        description="number of matching runs that stay: those that train, and those in the history of a model",
        examples=[1],
    )


def deleted_answer(deletion: Deletion) -> DeletedAnswer:
    """The response for a deletion, or for its preview."""
    listed = deletion.runs[:LISTED]
    return DeletedAnswer(deleted=len(deletion.runs), bytes=deletion.bytes, runs=listed, kept=deletion.kept)


class CancelledAnswer(BaseModel):
    cancelled: int = Field(description="number of runs that were queued, running or paused", examples=[3])


class TaggedAnswer(BaseModel):
    tagged: int = Field(description="number of runs whose tags were changed", examples=[3])
