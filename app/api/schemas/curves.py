"""Response models of curves."""

from pydantic import BaseModel, Field

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
