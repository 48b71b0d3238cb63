"""Response models of sweeps."""

from typing import Any, Literal, cast

from pydantic import BaseModel, Field

from app.api.addresses import address
from app.api.schemas.messages import MessageAnswer
from app.api.schemas.times import AN_INSTANT, rfc3339
from app.constants import SweepStatus
from app.messages import Message
from app.runs.request_model import Name, RequestModel
from app.runs.sweeps.importance import Importances
from app.runs.sweeps.ranking import Ranked
from app.runs.sweeps.trials import TrialStatus
from app.runs.sweeps.views import SweepView
from app.storage.tables import Sweep

A_SWEEP = "swp_01k9zj4c2m8s0q1v5w7x3y6t4a"
A_RUN = "run_01k9zj4c2m8s0q1v5w7x3y6t4a"
PARAMS = {"optimizer.lr": 0.1, "optimizer.name": "sgd"}
A_REQUEST = {
    "base": {"dataset": "digits", "stop": {"max_epochs": 10}},
    "grid": {"optimizer.lr": [0.1, 0.01], "optimizer.name": ["sgd", "adam"]},
    "seeds": [0, 1, 2],
    "metric": "validation.accuracy",
    "trials": 4,
    "parallel": None,
    "deadline": None,
    "halving": None,
    "known": None,
    "name": None,
}


class SweepReason(BaseModel):
    """The reason of a failure or a refusal."""

    code: str = Field(description="stable error code", examples=["sweep_without_result"])
    message: str = Field(description="the failure as a sentence", examples=["none of the 4 trials has a result"])
    params: dict[str, Any] = Field(description="the values that the message mentions", examples=[{"trials": 4}])


class SweepTrialRun(BaseModel):
    """A trial's run with one seed."""

    seed: int = Field(description="the run's seed", examples=[0])
    run: str | None = Field(description="the run's id; null if it has been deleted", examples=[A_RUN])
    value: float | None = Field(
        description="the metric where the trial is compared; null before, or without one", examples=[0.97]
    )
    outcome: Literal["succeeded", "diverged", "failed", "cancelled", "deleted", "pruned"] | None = Field(
        description="how it ended; null before", examples=["succeeded"]
    )


class SweepTrialAnswer(BaseModel):
    """A configuration of a sweep."""

    number: int = Field(description="counted from 0", examples=[0])
    rank: int | None = Field(description="1 is the best; null without a value", examples=[1])
    status: TrialStatus = Field(
        description="running; waiting at a rung; complete; pruned at a rung; failed, because a run did not succeed; or "
        "refused, because no run could be made of it",
        examples=["complete"],
    )
    params: dict[str, Any] = Field(description="its values by parameter", examples=[PARAMS])
    mean: float | None = Field(description="the metric's mean over the seeds", examples=[0.97])
    spread: float | None = Field(description="its standard deviation; null with one seed", examples=[0.004])
    epoch: int | None = Field(
        description="the epoch after which it was compared, at a rung; null at its end", examples=[None]
    )
    in_top_group: bool | None = Field(
        description="true if the seeds give no reason to call it worse than the best trial (Welch's t-test, 5%); null "
        "with one seed, or before its end",
        examples=[True],
    )
    reason: SweepReason | None = Field(description="why it was refused; null otherwise")
    runs: list[SweepTrialRun] = Field(description="one for each seed")


class BestRun(BaseModel):
    """The run that is best on the validation part, of the best trial."""

    trial: int = Field(description="the number of its trial", examples=[0])
    run: str = Field(description="its id", examples=[A_RUN])
    test: dict[str, float | str | None] | None = Field(
        description="its metrics on the test part, which are measured once, when the sweep has ended; null before",
        examples=[{"loss": 0.11, "accuracy": 0.96}],
    )


class SweepProgress(BaseModel):
    trials: int = Field(description="number of configurations in all", examples=[4])
    begun: int = Field(description="of them begun", examples=[4])
    ended: int = Field(description="of them complete, pruned, failed or refused", examples=[3])
    steps: int = Field(description="steps trained by all runs", examples=[2160])


class SweepSummary(BaseModel):
    """A sweep without its trials."""

    id: str = Field(description="the sweep's id", examples=[A_SWEEP])
    name: str | None = Field(description="the name that the request gives it", examples=["learning rates"])
    owner: str | None = Field(examples=["s1"], description="the owner of the key that made it; null if it is common")
    status: SweepStatus = Field(description="running → succeeded, failed or cancelled", examples=["running"])
    error: SweepReason | None = Field(description="why it failed; null otherwise")
    dataset: str = Field(description="id of the dataset's version", examples=["digits"])
    request: dict[str, Any] = Field(description="the request with every default filled in", examples=[A_REQUEST])
    created_at: str = Field(examples=[AN_INSTANT], description="time of the request")
    finished_at: str | None = Field(examples=[AN_INSTANT], description="time of its end; null before")
    links: dict[str, str] = Field(
        description="addresses: `self`, `runs`, `importance`, `cancel`, `promote`",
        examples=[{"self": f"/sweeps/{A_SWEEP}"}],
    )


class SweepAnswer(SweepSummary):
    """A sweep with its trials, the best first."""

    goal: Literal["maximize", "minimize"] = Field(description="what is better of the metric", examples=["maximize"])
    rungs: list[int] = Field(
        description="with halving, the epochs after which trials are compared", examples=[[1, 3, 10]]
    )
    known: int = Field(description="number of earlier runs that guide the sampler", examples=[0])
    progress: SweepProgress = Field(description="how far it has come")
    best: BestRun | None = Field(description="the best so far; null before any trial has trained to its end")
    trials: list[SweepTrialAnswer] = Field(description="the best first; those without a value last")


class SweepPage(BaseModel):
    items: list[SweepSummary] = Field(description="sweeps, newest first")
    next: str | None = Field(description="cursor of the next page; null on the last one", examples=[None])


class PromoteSweepRequest(RequestModel):
    """The model that is to predict with the best run of a sweep."""

    model: Name = Field(description="a model's name", examples=["letters"])


class ParameterImportance(BaseModel):
    """The share of the differences between trials that one parameter explains by itself."""

    name: str = Field(description="the parameter", examples=["optimizer.lr"])
    share: float = Field(description="from 0 to 1; the median over the trees", examples=[0.62])
    low: float = Field(description="5% of the trees find less", examples=[0.48])
    high: float = Field(description="5% of the trees find more", examples=[0.75])


class ImportanceAnswer(BaseModel):
    """The importance of parameters, by fANOVA. Shares do not sum to 1: the rest is interaction and chance."""

    metric: str = Field(description="the compared metric", examples=["validation.accuracy"])
    trials: int = Field(description="number of trials that were compared", examples=[40])
    epoch: int | None = Field(
        description="with halving, the epoch after which they were compared; null at their end", examples=[None]
    )
    parameters: list[ParameterImportance] = Field(description="the most important first")
    left_out: list[str] = Field(description="parameters that not all trials have", examples=[["optimizer.momentum"]])
    sentence: str = Field(
        description="the result in words",
        examples=["optimizer.lr matters most: it explains 62% (48 to 75%) of the differences in validation.accuracy"],
    )
    message: MessageAnswer = Field(description="`sentence` as a code and its parameters")


def sweep_summary(sweep: Sweep) -> SweepSummary:
    """The response for a sweep in a list."""
    return SweepSummary(**_summary(sweep))


def _summary(sweep: Sweep) -> dict[str, Any]:
    here = address(f"/sweeps/{sweep.id}")
    below = {name: f"{here}/{name}" for name in ("importance", "cancel", "promote")}
    return {
        "id": sweep.id,
        "name": sweep.name,
        "owner": sweep.owner or None,
        "status": SweepStatus(sweep.status),
        "error": None if sweep.error is None else SweepReason(**sweep.error),
        "dataset": sweep.dataset,
        "request": sweep.request,
        "created_at": rfc3339(sweep.created_at),
        "finished_at": rfc3339(sweep.finished_at),
        "links": {"self": here, "runs": address(f"/runs?sweep={sweep.id}"), **below},
    }


def sweep_answer(view: SweepView) -> SweepAnswer:
    """The response for a sweep with its trials."""
    ended = sum(one.trial.status not in ("running", "waiting") for one in view.ranked)
    progress = SweepProgress(
        trials=view.definition.search.trials, begun=len(view.ranked), ended=ended, steps=view.steps
    )
    return SweepAnswer(
        **_summary(view.sweep),
        goal="maximize" if view.definition.search.maximize else "minimize",
        rungs=view.definition.rungs,
        known=len(view.sweep.knowledge),
        progress=progress,
        best=_best(view),
        trials=[_trial(view, one) for one in view.ranked],
    )


def _best(view: SweepView) -> BestRun | None:
    if view.best is None:
        return None
    number = next(one.trial.number for one in view.ranked if any(run.id == view.best for run in one.trial.runs))
    test = view.best_run.metrics.get("test") if view.has_ended and view.best_run is not None else None
    return BestRun(trial=number, run=view.best, test=cast(dict[str, Any] | None, test))


def _trial(view: SweepView, one: Ranked) -> SweepTrialAnswer:
    trial = one.trial
    at = len(view.definition.rungs) if one.rung is None else one.rung
    runs = [
        SweepTrialRun(seed=run.seed, run=run.id if run.is_there else None, value=run.value_at(at), outcome=run.outcome)
        for run in trial.runs
    ]
    return SweepTrialAnswer(
        number=trial.number,
        rank=one.rank,
        status=trial.status,
        params=trial.params,
        mean=one.mean,
        spread=one.spread,
        epoch=None if one.rung is None else view.definition.rungs[one.rung],
        in_top_group=one.is_top,
        reason=None if trial.refusal is None else _reason(Message.from_json(trial.refusal)),
        runs=runs,
    )


def _reason(message: Message) -> SweepReason:
    return SweepReason(message=message.text(), code=message.code, params=dict(message.params))


def importance_answer(view: SweepView, found: Importances) -> ImportanceAnswer:
    """The response for the importance of a sweep's parameters."""
    return ImportanceAnswer(
        metric=view.definition.metric,
        trials=found.trials,
        epoch=None if found.rung is None else view.definition.rungs[found.rung],
        parameters=[
            ParameterImportance(name=one.name, share=one.share, low=one.low, high=one.high) for one in found.parameters
        ],
        left_out=found.left_out,
        sentence=found.sentence.text(),
        message=MessageAnswer.of(found.sentence),
    )
