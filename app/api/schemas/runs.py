"""Response models of runs."""

from typing import Any

from pydantic import BaseModel, Field

from app.api.schemas.times import rfc3339
from app.storage.jsonable import Number
from app.storage.runs import step_of
from app.storage.tables import Run


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


class CheckpointAnswer(BaseModel):
    step: int = Field(examples=[500])
    epoch: int = Field(examples=[10])
    metrics: dict[str, dict[str, Number]] | None = Field(description="of the last epoch before it, by part")
    created_at: str


class CheckpointList(BaseModel):
    items: list[CheckpointAnswer]


class CancelledAnswer(BaseModel):
    cancelled: int = Field(description="how many runs were open", examples=[3])
