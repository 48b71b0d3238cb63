"""Request and response models of named models."""

from collections.abc import Mapping
from math import isclose
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from app.api.schemas.times import AN_INSTANT, rfc3339
from app.learning.errors import InvalidChoice
from app.runs.request_model import RequestModel, Text
from app.storage.models import Shadow, Target
from app.storage.tables import ModelVersion

A_RUN, ANOTHER = "run_01k9zj4c2m8s0q1v5w7x3y6t4a", "run_01k9zk1d8w2q6r0t4y8v3x7n5b"
SHARE_DOC = "share of the requests, above 0"
MOST_RUNS = 10


class ShadowAnswer(BaseModel):
    """A run that predicts for comparison only."""

    run: str = Field(description="id of the run", examples=[ANOTHER])
    share: float = Field(description="share of the requests that it also gets", examples=[0.2])


class Version(BaseModel):
    version: int = Field(examples=[2], description="number of the change, counted from 1")
    run: str = Field(examples=[A_RUN], description="the run that most requests went to from then on")
    runs: dict[str, float] = Field(examples=[{A_RUN: 1.0}], description="share of the requests by run")
    shadow: ShadowAnswer | None = Field(None, description="a run that predicted for comparison only")
    log: float | None = Field(None, description="share of the requests whose predictions are logged", examples=[0.1])
    created_at: str = Field(description="time of the change", examples=[AN_INSTANT])


class ModelAnswer(BaseModel):
    """A name for trained runs."""

    name: str = Field(examples=["letters"], description="the model's name")
    owner: str | None = Field(examples=["s1"], description="the owner of the name; null if it is common")
    version: int = Field(examples=[2], description="number of the newest change")
    run: str = Field(description="the run that most requests go to now", examples=[A_RUN])
    runs: dict[str, float] = Field(
        examples=[{A_RUN: 0.9, ANOTHER: 0.1}], description="share of the requests by run; together 1"
    )
    shadow: ShadowAnswer | None = Field(None, description="a run that predicts for comparison only")
    log: float | None = Field(None, description="share of the requests whose predictions are logged", examples=[0.1])
    history: list[Version] = Field(description="newest first; `POST /models/{name}/rollback` goes back")


class ModelList(BaseModel):
    items: list[ModelAnswer] = Field(description="all models by name")


def model_answer(versions: list[ModelVersion]) -> ModelAnswer:
    """The response for a name, from its versions, newest first."""
    history = [
        Version(
            version=item.version,
            run=item.run,
            runs=item.shares,
            shadow=_shadow(item),
            log=item.log,
            created_at=rfc3339(item.created_at),
        )
        for item in versions
    ]
    newest = versions[0]
    return ModelAnswer(
        name=newest.model,
        owner=newest.owner or None,
        version=newest.version,
        run=newest.run,
        runs=newest.shares,
        shadow=_shadow(newest),
        log=newest.log,
        history=history,
    )


def _shadow(version: ModelVersion) -> ShadowAnswer | None:
    return None if version.shadow is None else ShadowAnswer(**version.shadow)


class ShadowRequest(RequestModel):
    """A run that predicts for comparison only. No client gets its answers or its errors."""

    run: Text = Field(examples=[ANOTHER], description="id of a run that has succeeded")
    share: float = Field(1.0, gt=0, le=1, examples=[0.2], description="share of the requests that it also gets")


def _sum_to_one(shares: Mapping[str, float]) -> Mapping[str, float]:
    if not isclose(sum(shares.values()), 1, abs_tol=1e-6):
        raise InvalidChoice("shares_do_not_sum", sum=sum(shares.values()))
    return shares


Shares = Annotated[
    dict[Text, Annotated[float, Field(gt=0, le=1, description=SHARE_DOC)]],
    Field(min_length=1, max_length=MOST_RUNS),
    AfterValidator(_sum_to_one),
]


class PointRequest(RequestModel):
    """The run that a name is to point at, or several with the share of each."""

    model_config = ConfigDict(
        json_schema_extra={
            "oneOf": [{"required": ["run"]}, {"required": ["runs"]}],
            "examples": [{"run": A_RUN}, {"runs": {A_RUN: 0.9, ANOTHER: 0.1}}],
        }
    )

    run: Text | None = Field(None, examples=[A_RUN], description="id of a run that has succeeded")
    runs: Shares | None = Field(
        None, examples=[{A_RUN: 0.9, ANOTHER: 0.1}], description="share of the requests by run, instead of `run`"
    )
    shadow: ShadowRequest | None = Field(None, description="a run that predicts for comparison only")
    log: float | None = Field(
        None,
        gt=0,
        le=1,
        examples=[0.1],
        description="share of the requests whose predictions are logged; null for none",
    )
    force: bool = Field(False, description="also point at a run that diverged, or has other classes or inputs")

    @model_validator(mode="after")
    def _one_of_both(self) -> Self:
        if (self.run is None) == (self.runs is None):
            raise InvalidChoice("run_or_runs")
        return self

    @property
    def target(self) -> Target:
        shares = self.runs or {str(self.run): 1.0}
        shadow = None if self.shadow is None else Shadow(self.shadow.run, self.shadow.share)
        return Target(shares, shadow, self.log)
