"""Response models of the service itself."""

from pydantic import BaseModel, Field

from app.api.schemas.times import AN_INSTANT


class WorkerAnswer(BaseModel):
    id: str = Field(description="the worker's id, new each time it starts")
    device: str | None = Field(description="the device that it trains on; null while it is idle", examples=["cpu"])
    concurrency: int = Field(description="maximum number of runs at once", examples=[1])
    runs: list[str] = Field(description="runs in training")
    started_at: str = Field(description="time at which it started", examples=[AN_INSTANT])
    heartbeat_at: str = Field(description="time of its newest heartbeat", examples=[AN_INSTANT])


class WorkerList(BaseModel):
    items: list[WorkerAnswer] = Field(description="the workers that are alive")
