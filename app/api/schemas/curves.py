"""Response models of curves."""

from typing import Any

from pydantic import BaseModel, Field

from app.storage.jsonable import Number, number
from app.storage.series import Series


class Points(BaseModel):
    step: list[int] = Field(examples=[[1, 2, 3]], description="the steps, counted from 1")
    value: list[Number] = Field(examples=[[2.31, 2.05, "NaN"]], description="the value after each of these steps")
    stands_for: list[int] | None = Field(
        None,
        description="how many original points each point represents, together all of them; null unless the series was "
        "thinned",
    )
    mean: list[Number] | None = Field(
        None, description="the mean of each point's bucket; null unless the series was thinned"
    )


class CurveAnswer(BaseModel):
    """The series by name. A series with more than `points` points is thinned: it keeps the minimum and the maximum of
    each bucket of 2, 4, 8 or more steps, the smallest size for which this is no more than `points` points."""

    run: str = Field(description="id of the run")
    points: int = Field(description="number of points in all series together", examples=[1000])
    downsampled: bool = Field(description="true if a series was thinned")
    series: dict[str, Points] = Field(
        examples=[{"train.loss": {"step": [1, 2, 3], "value": [2.31, 2.05, 1.9]}}],
        description="the points of each series, by its name",
    )


def points_json(series: Series) -> dict[str, list[Any]]:
    """Steps and values of a series; if it was thinned, also how many points each of them represents, and the means of
    their buckets."""
    answer: dict[str, list[Any]] = {"step": series.steps.tolist(), "value": [number(v) for v in series.values.tolist()]}
    if series.stands_for is not None:
        answer["stands_for"] = series.stands_for.tolist()
    if series.means is not None:
        answer["mean"] = [number(mean) for mean in series.means.tolist()]
    return answer
