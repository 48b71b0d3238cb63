"""Response models of runs."""

from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, Field
from typing_extensions import TypedDict

from app.api.schemas.times import rfc3339
from app.constants import RunStatus
from app.runs.views import RunView
from app.storage.jsonable import Number
from app.storage.runs import step_of


class Queue(BaseModel):
    position: int = Field(description="1 starts next")
    estimated_start: str | None = Field(
        description="estimated from the durations of recent runs; null before there are any"
    )


class Warned(BaseModel):
    code: str = Field(examples=["linear_stack_collapses"])
    pointer: str = Field(description="JSON pointer to the field of the request", examples=["/model/layers/1"])
    detail: str = Field(examples=["two linear layers with nothing between them are one linear layer"])
    fix: str = Field(description="one change to try", examples=['put {"type": "relu"} between them, or leave one out'])


class Progress(TypedDict, total=False):
    """The progress of a training; empty before the first report."""

    step: int
    epoch: int
    seconds: Annotated[float, Field(description="seconds of training, over all attempts")]
    max_steps: Annotated[int | None, Field(description="null if only time or a loss ends the run")]
    steps_per_epoch: int
    fraction: Annotated[float, Field(description="of the whole run, from 0 to 1")]
    steps_per_second: float
    eta_seconds: float | None


class Metrics(TypedDict):
    """The newest metrics of each part; null before there are any."""

    train: dict[str, Number] | None
    validation: dict[str, Number] | None
    test: dict[str, Number] | None


class RunError(TypedDict, total=False):
    """The reason of a failure."""

    type: str
    message: str
    trace: Annotated[list[str], Field(description="the last lines that the training process printed")]
    code: Annotated[str, Field(description="error code; docs/errors.md has a section for each")]
    params: Annotated[dict[str, Any], Field(description="the values that the message mentions")]


Fields = dict[str, Any]  # a registry entry: its name or type, and its hyperparameters


class ResolvedModel(TypedDict):
    layers: Annotated[list[Fields], Field(description="including the output layer; see GET /layers")]


class ResolvedRequest(TypedDict, total=False):
    """The request with every default filled in. Runs of older versions lack newer fields."""

    name: str | None
    dataset: str
    split: Fields
    normalise: str | None
    scaling: dict[str, str] | None
    augment: Fields | None
    model: ResolvedModel
    loss: Annotated[Fields | str, Field(description="see GET /losses; older versions stored only the name")]
    optimizer: Annotated[Fields, Field(description="see GET /optimizers")]
    schedule: Annotated[Fields, Field(description="see GET /schedules")]
    batch_size: int | Literal["full"] | None
    accumulate: int
    clip_norm: float | None
    stop: Fields
    seed: int
    device: str
    precision: str
    tags: dict[str, str]
    priority: int


class RunAnswer(BaseModel):
    """A run."""

    id: str = Field(examples=["run_01k9zj4c2m8s0q1v5w7x3y6t4a"])
    name: str | None
    status: RunStatus = Field(examples=["running"])
    stop_reason: str | None = Field(examples=["max_epochs"])
    error: RunError | None = Field(description="type, message and the last lines of the trace")
    task: str = Field(examples=["classification"])
    request: ResolvedRequest = Field(description="the request with every default filled in")
    slip: str | None = Field(description="code of the deliberate mistake in a trial of an experiment; otherwise null")
    environment: dict[str, Any] = Field(
        description="versions, threads, the dataset's name, version and checksum, number of examples in each part",
        examples=[{"dataset_name": "letters", "dataset_version": 2, "examples": {"train": 800, "validation": 200}}],
    )
    progress: Progress
    queue: Queue | None
    warnings: list[Warned] = Field(description="found before the training or at its start; they do not stop the run")
    metrics: Metrics
    served_step: int | None = Field(description="the step whose parameters /predict uses; null before the end")
    attempt: int
    worker: str | None
    device: str | None
    created_at: str | None
    started_at: str | None
    finished_at: str | None
    links: dict[str, str]


def run_answer(view: RunView) -> RunAnswer:
    """The response for a run, with its queue position while it waits for a worker."""
    run, place = view.run, view.queue
    queue = Queue(position=place.position, estimated_start=rfc3339(place.estimated_start)) if place else None
    here = f"/runs/{run.id}"
    below = (
        *("curve", "events", "cancel", "evaluation", "architecture", "diagram.svg", "diagnostics", "diagnosis"),
        *("checkpoints", "weights", "script"),
    )
    links = {name: f"{here}/{name}" for name in below}
    parts = run.metrics.get
    return RunAnswer(
        id=run.id,
        name=run.name,
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
        metrics=Metrics(train=parts("train"), validation=parts("validation"), test=parts("test")),
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


class CheckpointAnswer(BaseModel):
    step: int = Field(examples=[500])
    epoch: int = Field(examples=[10])
    metrics: dict[str, dict[str, Number]] | None = Field(description="metrics of the last epoch before it, by part")
    created_at: str


class CheckpointList(BaseModel):
    items: list[CheckpointAnswer]


class CancelledAnswer(BaseModel):
    cancelled: int = Field(description="number of runs that were queued, running or paused", examples=[3])
