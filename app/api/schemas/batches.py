"""Request and response models of batches of predictions."""

from typing import Any

from pydantic import BaseModel, Field

from app.api.addresses import address
from app.api.schemas.times import AN_INSTANT, rfc3339
from app.constants import BatchStatus
from app.runs.request_model import RequestModel, Text
from app.storage.tables import Batch


class BatchRequest(RequestModel):
    """Predictions for all examples of a dataset."""

    dataset: Text = Field(examples=["notmnist"], description="name or id of the dataset")
    run: Text | None = Field(
        None, examples=["run_01k9zj4c2m8s0q1v5w7x3y6t4a"], description="id of the run that predicts"
    )
    model: Text | None = Field(
        None, examples=["letters"], description="or a model's name; without run and model, as for `/predict`"
    )


class BatchProgress(BaseModel):
    done: int = Field(0, description="inputs that are predicted", examples=[1280])
    total: int | None = Field(
        None, description="inputs in all; of an upload null before the first one is predicted", examples=[10000]
    )


class BatchError(BaseModel):
    """The reason of a failure."""

    code: str = Field(description="stable error code", examples=["batch_input_refused"])
    message: str = Field(description="what is wrong", examples=["b.png: the picture cannot be read"])
    params: dict[str, Any] = Field(description="the values that the message mentions", examples=[{"input": "b.png"}])


class BatchAnswer(BaseModel):
    """A batch of predictions."""

    id: str = Field(examples=["bat_01k9zj4c2m8s0q1v5w7x3y6t4a"], description="id of the batch")
    owner: str | None = Field(examples=["s1"], description="the owner of the key that made it; null if it is common")
    status: BatchStatus = Field(description="queued → running → succeeded or failed", examples=["running"])
    run: str = Field(examples=["run_01k9zj4c2m8s0q1v5w7x3y6t4a"], description="the run that predicts")
    dataset: str | None = Field(description="the dataset's id; null for an upload", examples=["notmnist"])
    progress: BatchProgress = Field(description="how far it has come")
    error: BatchError | None = Field(description="why it failed; null otherwise")
    created_at: str = Field(examples=[AN_INSTANT], description="time of the request")
    finished_at: str | None = Field(examples=[AN_INSTANT], description="time of its end; null before")
    links: dict[str, str] = Field(
        description="addresses: `self`, and `result` once it has succeeded", examples=[{"self": "/batches/bat_01k9"}]
    )


class BatchPage(BaseModel):
    items: list[BatchAnswer] = Field(description="batches, newest first")
    next: str | None = Field(description="cursor of the next page; null on the last one", examples=[None])


def batch_answer(batch: Batch) -> BatchAnswer:
    """The response for a batch."""
    own = address(f"/batches/{batch.id}")
    return BatchAnswer(
        id=batch.id,
        owner=batch.owner or None,
        status=BatchStatus(batch.status),
        run=batch.run,
        dataset=batch.source.get("dataset"),
        progress=BatchProgress(**{"total": batch.source.get("inputs")} | batch.progress),
        error=None if batch.error is None else BatchError(**batch.error),
        created_at=rfc3339(batch.created_at),
        finished_at=None if batch.finished_at is None else rfc3339(batch.finished_at),
        links={"self": own} | ({"result": f"{own}/result.csv"} if batch.result else {}),
    )
