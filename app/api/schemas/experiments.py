"""Request and response models of experiments."""

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

from app.constants import RunStatus
from app.learning.errors import InvalidChoice
from app.runs.experiments import MOST_SEEDS
from app.runs.request_model import RequestModel
from app.storage.jsonable import Number

LINEAR_COLLAPSE = "linear_collapse"
ID = "exp_01k9zj4c2m8s0q1v5w7x3y6t4a"


class TrialAnswer(BaseModel):
    """One of the trainings that an experiment compares."""

    name: str = Field(examples=["with ReLU"], description="the trial's name, unique within its experiment")
    request: dict[str, Any] = Field(description="as for POST /runs, without the seed")
    slip: str | None = Field(description="code of a deliberate mistake; null if none", examples=["forgotten_zero_grad"])
    mistake: str | None = Field(description="the deliberate mistake in a sentence; null if none")


class ExperimentEntry(BaseModel):
    """A claim of the lecture and the trials that test it. An experiment without trials is calculated at once."""

    name: str = Field(examples=[LINEAR_COLLAPSE], description="the name in addresses")
    latest: str | None = Field(description="id of its newest start; null if there is none", examples=[ID])
    title: str = Field(examples=["Linear layers on linear layers"], description="the subject in a few words")
    lines: str = Field(description="lines of the lecture's text", examples=["L63–97"])
    claim: str = Field(description="what the lecture says")
    right: str = Field(description="what is true of the claim")
    trials: list[TrialAnswer] = Field(
        description="the trainings that are compared; none for an experiment that is calculated"
    )


class ExperimentList(BaseModel):
    items: list[ExperimentEntry] = Field(description="all experiments, in the order of the lecture")


class ExperimentRequest(RequestModel):
    """The seeds of an experiment."""

    seeds: list[Annotated[int, Field(ge=0, lt=2**62)]] = Field(
        [0, 1, 2], min_length=1, max_length=MOST_SEEDS, description="each trial is run once with each seed"
    )

    model_config = ConfigDict(json_schema_extra={"examples": [{"seeds": [0, 1, 2]}]})

    @field_validator("seeds")
    @classmethod
    def differ(cls, seeds: list[int]) -> list[int]:
        if len(set(seeds)) < len(seeds):
            raise InvalidChoice("seeds_repeat")
        return seeds


class TrialRun(BaseModel):
    trial: str = Field(examples=["with ReLU"], description="the name of the trial")
    seed: int = Field(description="one of the experiment's seeds", examples=[0])
    run: str = Field(examples=["run_01k9zj4c2m8s0q1v5w7x3y6t4a"], description="id of the run")
    status: RunStatus = Field(examples=["succeeded"], description="the run's status")


class SpreadAnswer(BaseModel):
    """Mean and range of a number over the seeds."""

    mean: Number = Field(examples=[0.893], description="mean over the seeds")
    min: Number = Field(examples=[0.892], description="the least value of a seed")
    max: Number = Field(examples=[0.894], description="the greatest value of a seed")


class SeedAnswer(BaseModel):
    seed: int = Field(examples=[0], description="the seed of the trials' runs")
    shown: bool = Field(description="true if this seed confirms `right`")
    numbers: dict[str, Number] = Field(examples=[{"relu": 0.893}], description="what was measured, by name")
    details: dict[str, Any] = Field(description="further results, such as matrices and curves")


class Observed(BaseModel):
    sentence: str = Field(description="the observation in a sentence, with means over the seeds")
    numbers: dict[str, SpreadAnswer] = Field(description="what was measured, by name, over the seeds")
    seeds: list[SeedAnswer] = Field(description="the observations with each seed")


class ExperimentAnswer(BaseModel):
    """A started or finished experiment."""

    id: str | None = Field(description="null for a calculated experiment, which is not stored", examples=[ID])
    name: str = Field(examples=[LINEAR_COLLAPSE], description="the experiment's name")
    claim: str = Field(description="what the lecture says")
    right: str = Field(description="what is true of the claim")
    status: str = Field(description="running, ended, or incomplete if a run was cancelled, deleted or has failed")
    runs: list[TrialRun] = Field(description="one run for each trial and seed; none for a calculated experiment")
    observed: Observed | None = Field(description="over all seeds whose runs have ended; null before the end")
    verdict: str | None = Field(description="shown, not shown, or differs by seed", examples=["shown"])
    links: dict[str, str] = Field(
        examples=[{"self": f"/experiments/{LINEAR_COLLAPSE}/{ID}"}],
        description="addresses of this answer and of the picture of its curves",
    )
