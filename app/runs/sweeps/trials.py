"""Trials of a sweep as they stand: what the sweep has recorded, and what the rows of their runs say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal

from app.constants import DELETED, ENDED, PRUNED, RUNG, RunStatus
from app.runs.sweeps.space import Params
from app.storage.sweeps import TrialRows
from app.storage.tables import Run, SweepRun

Outcome = Literal["succeeded", "diverged", "failed", "cancelled", "deleted", "pruned"]
TrialStatus = Literal["running", "waiting", "complete", "pruned", "failed", "refused"]
LOST = ("diverged", "failed", "cancelled", "deleted")
END = "end"  # the key of a run's value at its end; others are indices of rungs


@dataclass(frozen=True)
class TrialRun:
    """A trial's run with one seed. It is open until it has ended or waits at the rung with the index `rung`; it is not
    there if it has been deleted."""

    seed: int
    id: str
    rung: int
    values: Mapping[str, float]
    outcome: Outcome | None
    is_open: bool
    is_there: bool = True

    def value_at(self, rung: int) -> float | None:
        """The metric at a rung; a run that ended before it has that of its end."""
        return self.values.get(str(rung), self.values.get(END))


@dataclass(frozen=True)
class Trial:
    """A configuration with its runs; none, if its `refusal` says why no run could be made of it."""

    number: int
    params: Params
    refusal: dict[str, Any] | None
    runs: Sequence[TrialRun]

    @property
    def status(self) -> TrialStatus:
        if self.refusal is not None:
            return "refused"
        if any(run.is_open for run in self.runs):
            return "running"
        outcomes = {run.outcome for run in self.runs}
        if outcomes & set(LOST):
            return "failed"
        if "pruned" in outcomes:
            return "pruned"
        return "waiting" if None in outcomes or not outcomes else "complete"

    @property
    def reach(self) -> int:
        """The index of the rung up to which it trains, or has trained."""
        return max((run.rung for run in self.runs), default=0)

    def value_at(self, rung: int) -> float | None:
        """The mean over the seeds at a rung; None if one of them has no value there."""
        values = [run.value_at(rung) for run in self.runs]
        known = [value for value in values if value is not None]
        return fmean(known) if known and len(known) == len(values) else None

    @property
    def ends(self) -> list[float]:
        """The values of the runs that have ended, by seed."""
        return [run.values[END] for run in self.runs if END in run.values]

    @property
    def value(self) -> float | None:
        """The mean over the seeds at their end; None unless all have succeeded."""
        return fmean(self.ends) if self.status == "complete" else None


def observed(rows: TrialRows, metric: str) -> Trial:
    """A trial as its rows say."""
    trial, runs = rows.trial, [_observed(of_trial, run, metric) for of_trial, run in rows.runs]
    return Trial(trial.number, trial.params, trial.refusal, runs)


def _observed(of_trial: SweepRun, run: Run | None, metric: str) -> TrialRun:
    values, outcome, is_open = dict(of_trial.values), of_trial.outcome, False
    if run is None or run.status == DELETED:
        outcome = outcome or "deleted"  # what is known of it stays
    elif run.status in ENDED:
        value = value_of(run, metric)
        outcome = _outcome(run, value)
        if outcome == "succeeded" and value is not None and not (of_trial.told and END in values):
            values[END] = value  # once it is told it stays, even if the run is trained further
    elif run.status == RunStatus.PAUSED and run.stop_reason == RUNG:
        outcome = None
        if (value := value_of(run, metric)) is not None:
            values[str(of_trial.rung)] = value
    else:
        outcome, is_open = None, True
    known: Any = outcome
    is_there = run is not None and run.status != DELETED
    return TrialRun(of_trial.seed, of_trial.run, of_trial.rung, values, known, is_open, is_there)


def _outcome(run: Run, value: float | None) -> Outcome:
    match run.status:
        case RunStatus.SUCCEEDED:
            return "succeeded" if value is not None else "diverged"
        case RunStatus.CANCELLED:
            return "pruned" if run.stop_reason == PRUNED else "cancelled"
    return "diverged" if run.stop_reason == "diverged" else "failed"


def value_of(run: Run, metric: str) -> float | None:
    """The metric of a run, such as `validation.loss`; None if there is none, or if it is not finite."""
    part, _, name = metric.partition(".")
    value = (run.metrics.get(part) or {}).get(name)
    return float(value) if isinstance(value, int | float) else None  # JSON has NaN and ∞ as strings
