"""The importance of a sweep's parameters: how much of the differences between trials each explains.

fANOVA (Hutter et al. 2014, http://proceedings.mlr.press/v32/hutter14.html) fits regression trees to the results, and
takes for each parameter the share of a tree's variance that its main effect explains. Each tree sees another bootstrap
sample of the trials, so the spread over the trees tells how sure the share is.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from app.errors import Conflict
from app.messages import Message
from app.runs.sweeps.definition import Definition
from app.runs.sweeps.trials import Trial

TREES = 64
FEWEST = 8  # trials with a value; with fewer, trees explain chance
PERCENTILES = (50, 5, 95)  # over the trees: the share, and its interval


@dataclass(frozen=True)
class Importance:
    """The share of the variance that a parameter explains, from 0 to 1: the median of the trees, and an interval."""

    name: str
    share: float
    low: float
    high: float


@dataclass(frozen=True)
class Importances:
    """The parameters that all trials have, the most important first; others are `left_out`. `rung` is the index of the
    rung at which `trials` trials were compared; None is the end."""

    parameters: list[Importance]
    left_out: list[str]
    trials: int
    rung: int | None
    sentence: Message


def importances(definition: Definition, trials: Sequence[Trial]) -> Importances:
    """The importance of each parameter. With halving, trials are compared at the first rung, which most of them reach
    with equally many epochs. Raises Conflict with too few trials, or if all are equally good."""
    at_rung = bool(definition.rungs)
    measured = [(trial, trial.value_at(0) if at_rung else trial.value) for trial in trials]
    known = [(trial, value) for trial, value in measured if value is not None and definition.space.has(trial.params)]
    if len(known) < FEWEST:
        raise Conflict("sweep_too_few_trials", trials=len(known), needed=FEWEST)
    shares = _shares(definition, known)
    if not shares:
        raise Conflict("sweep_without_differences", metric=definition.metric)
    parameters = [_importance(name, values) for name, values in shares.items()]
    parameters.sort(key=lambda one: -one.share)
    left_out = [one.name for one in definition.space.parameters if one.name not in shares]
    sentence = _sentence(definition, parameters, len(known))
    return Importances(parameters, left_out, len(known), 0 if at_rung else None, sentence)


def _shares(definition: Definition, known: Sequence[tuple[Trial, float]]) -> dict[str, list[float]]:
    """The share of each parameter, in each tree whose trials differ. A forest of one tree is asked at a time."""
    from optuna.importance import FanovaImportanceEvaluator

    from app.runs.sweeps import study

    results = [study.known(trial.params, value) for trial, value in known]
    built = study.study_of(definition.space, results, definition.search.maximize)
    shares: dict[str, list[float]] = {}
    for seed in range(TREES):
        try:
            of_tree = FanovaImportanceEvaluator(n_trees=1, seed=seed).evaluate(built)
        except RuntimeError:  # all trials of this tree's sample are equally good
            continue
        for name, share in of_tree.items():
            shares.setdefault(name, []).append(share)
    return shares


def _importance(name: str, shares: Sequence[float]) -> Importance:
    return Importance(name, *(float(share) for share in np.percentile(shares, PERCENTILES).clip(0, 1)))


def _sentence(definition: Definition, parameters: Sequence[Importance], trials: int) -> Message:
    first, *others = parameters
    percent = {name: round(100 * getattr(first, name)) for name in ("share", "low", "high")}
    unclear = [other.name for other in others if other.high >= first.low]
    return Message.of(
        "sweep_importance", name=first.name, **percent, trials=trials, metric=definition.metric, unclear=unclear
    )
