"""Runs side by side: what differs between them, and groups of what they have in common."""

from collections.abc import Sequence
from typing import Any

from pydantic import BaseModel, Field

from app.constants import RunStatus
from app.runs.comparison import Compared, Measured
from app.runs.grouping import Group
from app.storage.tables import Run

AN_ID = "run_01k9zj4c2m8s0q1v5w7x3y6t4a"


class MeasuredAnswer(BaseModel):
    """A metric of a run against the baseline's."""

    value: float | str | None = Field(description="the metric; a text if it is not finite", examples=[0.93])
    delta: float | None = Field(description="its difference from the baseline's, where both are known", examples=[0.02])
    is_better: bool | None = Field(description="whether the difference is for the better; null without one")


class ComparedRun(BaseModel):
    """A run with what it does not share with all others."""

    run: str = Field(description="the run's id", examples=[AN_ID])
    name: str | None = Field(description="the run's name", examples=["wide"])
    status: RunStatus = Field(description="the run's status", examples=[RunStatus.SUCCEEDED])
    fields: dict[str, Any] = Field(
        description="the fields of the requests that differ, by their paths", examples=[{"optimizer.lr": 0.01}]
    )
    metrics: dict[str, MeasuredAnswer] = Field(description="by part and metric, such as `test.accuracy`")


class Comparison(BaseModel):
    """Runs side by side."""

    baseline: str = Field(description="the run that the others are compared with", examples=[AN_ID])
    fields: list[str] = Field(
        description="paths of the fields in which the requests differ. A field that only some have is left out: it "
        "follows from another one",
        examples=[["optimizer.lr"]],
    )
    items: list[ComparedRun] = Field(description="in the order of `runs`")


class RunGroup(BaseModel):
    """Runs that have one value of a field."""

    value: Any = Field(description="the value; null for runs without one", examples=["adam"])
    runs: list[str] = Field(description="ids, the newest first", examples=[[AN_ID]])
    results: int = Field(description="number of runs with a result, if all are of one task", examples=[3])
    mean: float | None = Field(description="mean of their best results", examples=[0.93])
    spread: float | None = Field(description="standard deviation; null for fewer than two", examples=[0.004])
    best: float | None = Field(description="the best of them", examples=[0.94])


class RunGroups(BaseModel):
    """Runs grouped by a field."""

    items: list[RunGroup] = Field(description="the group with the best run first")


def comparison(compared: Sequence[Compared], baseline: Run) -> Comparison:
    return Comparison(
        baseline=baseline.id,
        fields=list(compared[0].fields),
        items=[
            ComparedRun(
                run=each.run.id,
                name=each.run.name,
                status=RunStatus(each.run.status),
                fields=dict(each.fields),
                metrics={name: _measured(metric) for name, metric in each.metrics.items()},
            )
            for each in compared
        ],
    )


def _measured(metric: Measured) -> MeasuredAnswer:
    return MeasuredAnswer(value=metric.value, delta=metric.delta, is_better=metric.is_better)


def run_group(group: Group) -> RunGroup:
    return RunGroup(
        value=group.value,
        runs=[member.view.run.id for member in group.members],
        results=len(group.results),
        mean=group.mean,
        spread=group.spread,
        best=max(group.results, default=None),
    )
