"""Response models of the service itself."""

from pydantic import BaseModel, Field


class WorkerAnswer(BaseModel):
    id: str
    device: str | None = Field(description="the device that it trains on; null while it is idle", examples=["cpu"])
    concurrency: int = Field(description="maximum number of runs at once", examples=[1])
    runs: list[str] = Field(description="runs in training")
    started_at: str
    heartbeat_at: str


class WorkerList(BaseModel):
    items: list[WorkerAnswer]
