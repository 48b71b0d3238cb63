"""Response models of the service itself."""

from pydantic import BaseModel, Field


class WorkerAnswer(BaseModel):
    id: str
    device: str | None = Field(description="on which it trains; null while it trains nothing", examples=["cpu"])
    concurrency: int = Field(description="how many runs it takes at once", examples=[1])
    runs: list[str] = Field(description="those that it trains now")
    started_at: str
    heartbeat_at: str


class WorkerList(BaseModel):
    items: list[WorkerAnswer]
