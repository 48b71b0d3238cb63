"""The ranking of trials by the validation part, with doubt."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from scipy import stats

from app.runs.sweeps.definition import Definition
from app.runs.sweeps.plan import Search
from app.runs.sweeps.ranking import best_run, is_like_best, ranking
from app.runs.sweeps.requests import SearchRequest, space_of
from app.runs.sweeps.trials import END, Trial, TrialRun


def definition(maximize: bool = True, rungs: Sequence[int] = ()) -> Definition:
    space = space_of(SearchRequest.model_validate({"grid": {"optimizer.lr": [0.1]}}).grid or {})
    search = Search(maximize, trials=4, rungs=len(rungs))
    return Definition({}, "grid", space, [0, 1], "validation.loss", search, list(rungs), None)


def trial(number: int, *values: float, outcome: Any = "succeeded", **at_rungs: float) -> Trial:
    """A trial that has ended with these values, one for each seed."""
    ends = [{END: value} for value in values] or [{}]
    known = [end | {name.removeprefix("rung_"): value for name, value in at_rungs.items()} for end in ends]
    reach = max((int(name.removeprefix("rung_")) for name in at_rungs), default=0)
    runs = [TrialRun(seed, f"run_{number}_{seed}", reach, of, outcome, False) for seed, of in enumerate(known)]
    return Trial(number, {}, None, runs)


def test_the_mean_over_the_seeds_decides() -> None:
    trials = [trial(0, 0.5, 0.9), trial(1, 0.8, 0.8), trial(2, 0.75, 0.75)]
    assert [(one.rank, one.trial.number) for one in ranking(definition(), trials)] == [(1, 1), (2, 2), (3, 0)]
    assert [one.trial.number for one in ranking(definition(maximize=False), trials)] == [0, 2, 1]
    spreads = {one.trial.number: one.spread for one in ranking(definition(), trials)}
    assert spreads[0] == pytest.approx(np.std([0.5, 0.9], ddof=1)) and spreads[1] == 0


def test_a_trial_whose_runs_are_not_made_yet_waits() -> None:
    begun = Trial(0, {}, None, [])
    assert (begun.status, begun.value) == ("waiting", None)


def test_a_failed_seed_takes_its_trial_out_of_the_ranking() -> None:
    diverged = trial(0, 0.99, outcome="diverged")
    ranked = ranking(definition(), [diverged, trial(1, 0.1)])
    assert [(one.rank, one.trial.number) for one in ranked] == [(1, 1), (None, 0)]


def test_pruned_trials_follow_by_how_far_they_came() -> None:
    trials = [
        trial(0, rung_0=0.99, outcome="pruned"),
        trial(1, rung_0=0.5, rung_1=0.6, outcome="pruned"),
        trial(2, 0.4, rung_0=0.4, rung_1=0.4),
    ]
    ranked = ranking(definition(rungs=[1, 3]), trials)
    assert [(one.trial.number, one.rung, one.mean) for one in ranked] == [(2, None, 0.4), (1, 1, 0.6), (0, 0, 0.99)]
    assert [one.is_top for one in ranked] == [None, None, None]  # one seed tells no spread


def test_the_top_group_is_what_welchs_test_cannot_tell_apart() -> None:
    best, near, far = [0.91, 0.93, 0.92], [0.90, 0.93, 0.91], [0.80, 0.81, 0.79]
    ranked = ranking(definition(), [trial(0, *far), trial(1, *near), trial(2, *best)])
    assert [(one.trial.number, one.is_top) for one in ranked] == [(2, True), (1, True), (0, False)]
    assert (
        stats.ttest_ind(best, near, equal_var=False).pvalue > 0.05 > stats.ttest_ind(best, far, equal_var=False).pvalue
    )


def test_values_without_any_spread_are_compared_as_they_are() -> None:
    assert is_like_best([0.5, 0.5], [0.5, 0.5]) is True
    assert is_like_best([0.5, 0.5], [0.6, 0.6]) is False
    assert is_like_best([0.5], [0.6]) is None


def test_equally_good_trials_are_seldom_told_apart() -> None:
    """About one in twenty, as the docstring says: with this seed, and within three standard deviations."""
    chance, count = np.random.default_rng(0), 400
    apart = sum(not is_like_best(chance.normal(size=5).tolist(), chance.normal(size=5).tolist()) for _ in range(count))
    assert abs(apart - 0.05 * count) < 3 * (0.05 * 0.95 * count) ** 0.5


def test_the_best_run_is_of_the_best_trial_and_still_there() -> None:
    gone = Trial(0, {}, None, [TrialRun(0, "run_gone", 0, {END: 1.0}, "succeeded", False, is_there=False)])
    assert best_run(definition(), [gone, trial(1, 0.8, 0.9)]) == "run_1_1"
    assert best_run(definition(maximize=False), [trial(1, 0.8, 0.9)]) == "run_1_0"
    assert best_run(definition(), [gone]) is None
