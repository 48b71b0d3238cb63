"""Response model of the caller."""

from pydantic import BaseModel, Field

from app.access import Scope
from app.api.schemas.times import AN_INSTANT


class LimitsAnswer(BaseModel):
    """The limits of a key; null is no limit."""

    runs: int | None = Field(description="runs and batches of the owner that have not ended", examples=[5])
    seconds: float | None = Field(description="seconds that a run trains", examples=[600])
    steps: int | None = Field(description="steps of a run", examples=[100_000])
    bytes: int | None = Field(
        description="bytes of the owner's stored runs, datasets, batches and logged inputs", examples=[1_000_000_000]
    )
    predictions: float | None = Field(description="predictions in a second", examples=[50])
    priority: int | None = Field(description="highest priority of a run", examples=[0])


class MeAnswer(BaseModel):
    """The key of a request."""

    key: str | None = Field(
        description="id of the key; null on a service that requires none", examples=["key_01k9zj4c2m8s0q1v5w7x3y6t4a"]
    )
    owner: str | None = Field(
        description="to whom everything belongs that the key makes; null if that is common", examples=["s1"]
    )
    scopes: list[Scope] = Field(description="what the key permits; `admin` includes the others", examples=[["read"]])
    expires_at: str | None = Field(
        description="time from which the key is refused; null if it does not expire", examples=[AN_INSTANT]
    )
    limits: LimitsAnswer = Field(description="upper bounds on the use of the key")
