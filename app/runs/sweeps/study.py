"""Optuna's samplers: a study is built from the rows each time, and asked for one configuration.

So there is one source of truth, the rows, and a proposal is a function of them: the sampler's seed follows from the
sweep's seed and the number of the trial. Optuna's own storages have a heartbeat that does not work with ask-and-tell.
"""

import json
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, RandomSampler, TPESampler
from optuna.trial import FrozenTrial, Trial, TrialState, create_trial

from app.runs.sweeps.space import Choices, Parameter, Params, Space
from app.runs.sweeps.trials import Trial as SweepTrial

optuna.logging.set_verbosity(optuna.logging.WARNING)  # it prints a line for each study

STATES = {"running": TrialState.RUNNING, "complete": TrialState.COMPLETE}  # others are pruned at their last rung


@dataclass(frozen=True)
class Result:
    """The result of a configuration; `values` are those at its rungs."""

    params: Params
    state: TrialState
    value: float | None = None
    values: Mapping[int, float] = field(default_factory=dict)


def result(trial: SweepTrial, rungs: int) -> Result:
    """A trial's result. One that was lost or refused counts as pruned at its start: worse than all others, so that the
    sampler avoids what is near it."""
    values = {rung: value for rung in range(rungs) if (value := trial.value_at(rung)) is not None}
    state = STATES.get(trial.status, TrialState.PRUNED)
    lost = trial.status in ("failed", "refused")
    return Result(trial.params, state, trial.value, {} if lost else values)


def known(params: Params, value: float) -> Result:
    """The result of a run that exists."""
    return Result(params, TrialState.COMPLETE, value)


def begun(params: Params) -> Result:
    """A configuration whose result is not known yet: the sampler keeps away from it."""
    return Result(params, TrialState.RUNNING)


def draw(sampler: str, space: Space, results: Sequence[Result], maximize: bool, seed: Sequence[int]) -> Params:
    """A configuration of the space, given the results so far; those outside of the space do not count."""
    study = study_of(space, results, maximize, _sampler(sampler, space, seed))
    asked = study.ask()
    params: Params = {}
    for parameter in space.parameters:
        if parameter.exists(params):
            params[parameter.name] = _suggested(asked, parameter)
    return params


def _suggested(asked: Trial, parameter: Parameter) -> Any:
    name, domain = parameter.name, parameter.domain
    if isinstance(domain, Choices):
        return json.loads(asked.suggest_categorical(name, [_text(value) for value in domain.values]))
    if domain.integer:
        return asked.suggest_int(name, int(domain.low), int(domain.highest), step=int(domain.step or 1), log=domain.log)
    return asked.suggest_float(name, domain.low, domain.highest, step=domain.step, log=domain.log)


def study_of(
    space: Space, results: Sequence[Result], maximize: bool, sampler: BaseSampler | None = None
) -> optuna.Study:
    """A study in memory with the results that lie in the space."""
    study = optuna.create_study(direction="maximize" if maximize else "minimize", sampler=sampler)
    for one in results:
        if space.has(one.params):
            study.add_trial(_frozen(space, one))
    return study


def _sampler(name: str, space: Space, seed: Sequence[int]) -> BaseSampler:
    number = int(np.random.SeedSequence(seed).generate_state(1)[0])
    if name == "random":
        return RandomSampler(seed=number)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)  # of `group`
        # Parameters that exist together are drawn together; without `group` conditional ones would be independent.
        return TPESampler(seed=number, multivariate=True, group=space.is_conditional)


def _frozen(space: Space, one: Result) -> FrozenTrial:
    existing = [parameter for parameter in space.parameters if parameter.name in one.params]
    return create_trial(
        state=one.state,
        value=one.value if one.state == TrialState.COMPLETE else None,
        params={parameter.name: _internal(parameter, one.params[parameter.name]) for parameter in existing},
        distributions={parameter.name: distribution_of(parameter) for parameter in existing},
        intermediate_values=dict(one.values),
    )


def distribution_of(parameter: Parameter) -> BaseDistribution:
    """Optuna's distribution of a parameter. Choices are JSON texts, since they may be of any type."""
    domain = parameter.domain
    if isinstance(domain, Choices):
        return CategoricalDistribution([_text(value) for value in domain.values])
    if domain.integer:
        return IntDistribution(int(domain.low), int(domain.highest), log=domain.log, step=int(domain.step or 1))
    return FloatDistribution(domain.low, domain.highest, log=domain.log, step=domain.step)


def _internal(parameter: Parameter, value: Any) -> Any:
    return _text(value) if isinstance(parameter.domain, Choices) else value


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
