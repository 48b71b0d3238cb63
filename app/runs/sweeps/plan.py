"""The next thing to do in a sweep: a function of its trials as they stand.

Asynchronous successive halving (ASHA) is Li et al. 2020, algorithm 2, https://arxiv.org/abs/1810.05934: whenever there
is room, a trial that is among the best 1/η of those that have reached its rung goes on to the next one; if there is
none, a new trial begins. So no trial waits for all others; a few go on that would not have with all results at hand.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.runs.sweeps.trials import Trial


@dataclass(frozen=True)
class Search:
    """The extent of a search: the number of trials, of those that are open at once (None for all), and of rungs before
    the end."""

    maximize: bool
    trials: int
    parallel: int | None = None
    rungs: int = 0
    reduction: int = 3


@dataclass(frozen=True)
class Promotion:
    """A trial that goes on, to the rung with this index."""

    trial: Trial
    rung: int


@dataclass(frozen=True)
class Plan:
    """Trials that go on, and the number of new ones. `is_over`: nothing is open, and nothing is left to do."""

    promotions: Sequence[Promotion]
    new: int
    is_over: bool


def plan(search: Search, trials: Sequence[Trial], most: int) -> Plan:
    """Plan up to `most` trials to begin or to go on."""
    open_trials = sum(trial.status == "running" for trial in trials)
    room = most if search.parallel is None else min(most, search.parallel - open_trials)
    candidates = list(promotable(search, trials))
    promotions = candidates[: max(0, room)]
    left = search.trials - len(trials)
    new = max(0, min(room - len(promotions), left))
    return Plan(promotions, new, is_over=not (candidates or left > 0 or open_trials))


def promotable(search: Search, trials: Sequence[Trial]) -> Iterator[Promotion]:
    """The trials that may go on, those of the highest rungs first."""
    for rung in reversed(range(search.rungs)):
        entrants = sum(_has_passed(trial, rung) for trial in trials)
        best = ranked(search, trials, rung)[: entrants // search.reduction]
        yield from (Promotion(trial, rung + 1) for trial in best if trial.status == "waiting" and trial.reach == rung)


def ranked(search: Search, trials: Sequence[Trial], rung: int) -> list[Trial]:
    """The trials that have a value at the rung, the best first; of equal ones the first."""
    values = {trial.number: value for trial in trials if (value := trial.value_at(rung)) is not None}
    sign = -1 if search.maximize else 1
    known = [trial for trial in trials if trial.number in values]
    return sorted(known, key=lambda trial: (sign * values[trial.number], trial.number))


def _has_passed(trial: Trial, rung: int) -> bool:
    """True if the trial has a value at the rung, or was lost on its way there."""
    lost = trial.status in ("failed", "refused") and trial.reach >= rung
    return lost or trial.value_at(rung) is not None


def rungs(max_epochs: int, trials: int, reduction: int) -> list[int]:
    """The epochs after which trials are compared. There are as many rungs as leave one trial for the end, and each has
    1/η of the epochs of the next."""
    number = 0
    while reduction ** (number + 1) <= trials:
        number += 1
    epochs = {math.ceil(max_epochs / reduction ** (number - rung)) for rung in range(number)}
    return sorted(epochs - {max_epochs})
