"""The ranking of a sweep's trials, and the trials that cannot be told apart from the best one."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean, variance

from app.runs.sweeps.definition import Definition
from app.runs.sweeps.trials import END, Trial

SIGNIFICANCE = 0.05


@dataclass(frozen=True)
class Ranked:
    """A trial with its place among those that have a value. `mean` and `spread` (the standard deviation) are over the
    seeds at `rung`, the last one that all of its runs have reached; None is the end. `is_top`: it cannot be told apart
    from the best one; None if that is not known."""

    trial: Trial
    rank: int | None
    mean: float | None
    spread: float | None
    rung: int | None
    is_top: bool | None


def ranking(definition: Definition, trials: Sequence[Trial]) -> list[Ranked]:
    """The trials, best first: those that have trained to the end, then those that came far, then those without a value.

    Only the validation part counts. Whoever looks at the test part of many trials and takes the best one has made it a
    second validation part.
    """
    sign = -1 if definition.search.maximize else 1
    last = {trial.number: _last(trial, len(definition.rungs)) for trial in trials}

    def place(trial: Trial) -> tuple[float, ...]:
        reached = last[trial.number]
        return (math.inf, trial.number) if reached is None else (-reached[0], sign * reached[1], trial.number)

    ranked: list[Ranked] = []
    best: Trial | None = None
    for rank, trial in enumerate(sorted(trials, key=place), start=1):
        reached = last[trial.number]
        if reached is None:
            ranked.append(Ranked(trial, None, None, None, None, None))
            continue
        rung, mean = reached
        best = best or trial
        values = [value for run in trial.runs if (value := run.value_at(rung)) is not None]
        at_end = rung == len(definition.rungs)
        is_top = is_like_best(trial.ends, best.ends) if at_end else None
        ranked.append(Ranked(trial, rank, mean, _spread(values), None if at_end else rung, is_top))
    return ranked


def _last(trial: Trial, end: int) -> tuple[int, float] | None:
    """The last rung at which all runs of a trial have a value, and their mean there; the index `end` is the end."""
    if trial.value is not None:
        return end, trial.value
    if trial.status == "failed":
        return None
    reached = ((rung, trial.value_at(rung)) for rung in range(min(trial.reach, end - 1), -1, -1))
    return next(((rung, value) for rung, value in reached if value is not None), None)


def is_like_best(values: Sequence[float], best: Sequence[float]) -> bool | None:
    """True if the seeds give no reason to say that the two differ; None with one seed, which tells no spread.

    Welch's t-test, two-sided at 5%: it assumes neither equal variances (a learning rate near divergence varies more)
    nor pairs. One seed is no pair across trials, since networks of other shapes begin with other weights. There is no
    correction for the number of trials: it would put nearly all of them into the top group of three seeds. So of twenty
    trials that are as good as the best one, about one is left out by chance.
    """
    if len(values) < 2 or len(best) < 2:
        return None
    spreads = [math.sqrt(variance(sample)) for sample in (values, best)]
    means = [fmean(sample) for sample in (values, best)]
    if not any(spreads):  # as with a deterministic training
        return means[0] == means[1]
    from scipy import stats  # takes half a second

    of_values, of_best = zip(means, spreads, map(len, (values, best)), strict=True)
    return bool(stats.ttest_ind_from_stats(*of_values, *of_best, equal_var=False).pvalue > SIGNIFICANCE)


def _spread(values: Sequence[float]) -> float | None:
    """The standard deviation over the seeds; None with one."""
    return math.sqrt(variance(values)) if len(values) > 1 else None


def best_run(definition: Definition, trials: Sequence[Trial]) -> str | None:
    """The best run of the best trial, on the validation part; None if no trial has trained to the end. A deleted run is
    none."""
    sign = -1 if definition.search.maximize else 1
    for one in ranking(definition, trials):
        there = [run for run in one.trial.runs if run.is_there and END in run.values]
        if one.trial.value is not None and there:
            return min(there, key=lambda run: sign * run.values[END]).id
    return None
