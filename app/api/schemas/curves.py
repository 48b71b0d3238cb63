"""Response models of curves."""

from typing import Any

from pydantic import BaseModel, Field

from app.storage import curves
from app.storage.jsonable import Number, number


class Points(BaseModel):
    step: list[int] = Field(examples=[[1, 2, 3]])
    value: list[Number] = Field(examples=[[2.31, 2.05, "NaN"]])
    stands_for: list[int] | None = Field(
        None, description="how many original points each point represents; null unless the series was thinned"
    )


class CurveAnswer(BaseModel):
    """The series by name. A thinned series keeps the minimum and the maximum of each bucket."""

    run: str
    points: int = Field(description="number of points in all series together", examples=[1000])
    downsampled: bool
    series: dict[str, Points] = Field(examples=[{"train.loss": {"step": [1, 2, 3], "value": [2.31, 2.05, 1.9]}}])


def points_json(series: curves.Series) -> dict[str, list[Any]]:
    """Steps and values of a series; if it was thinned, also how many points each of them represents."""
    answer: dict[str, list[Any]] = {"step": series.steps.tolist(), "value": [number(v) for v in series.values.tolist()]}
    if series.stands_for is not None:
        answer["stands_for"] = series.stands_for.tolist()
    return answer
