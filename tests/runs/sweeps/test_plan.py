"""The plan of a sweep, with trials that end in any order and with any values."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from app.runs.sweeps.plan import Search, plan, promotable, ranked, rungs
from app.runs.sweeps.trials import END, Trial, TrialRun


def begun(number: int) -> Trial:
    return Trial(number, {"x": number}, None, [TrialRun(0, f"run_{number}", 0, {}, None, is_open=True)])


def ended(trial: Trial, search: Search, value: float | None) -> Trial:
    """The trial at its rung, or at its end; without a value it has diverged."""
    [run] = trial.runs
    if value is None:
        return replace(trial, runs=[replace(run, is_open=False, outcome="diverged")])
    if run.rung == search.rungs:
        return replace(
            trial, runs=[replace(run, is_open=False, outcome="succeeded", values={**run.values, END: value})]
        )
    return replace(trial, runs=[replace(run, is_open=False, values={**run.values, str(run.rung): value})])


def promoted(trial: Trial, rung: int) -> Trial:
    return replace(trial, runs=[replace(run, rung=rung, is_open=True) for run in trial.runs])


searches = st.builds(
    lambda maximize, trials, parallel, reduction: Search(
        maximize, trials, parallel, len(rungs(1000, trials, reduction)), reduction
    ),
    st.booleans(), st.integers(1, 30), st.none() | st.integers(1, 8), st.integers(2, 4),
)  # fmt: skip


@settings(max_examples=40)
@given(searches, st.data())
def test_each_trial_goes_on_once_and_only_the_best_do(search: Search, data: st.DataObject) -> None:
    trials: list[Trial] = []
    while True:
        planned = plan(search, trials, most=10)
        for promotion in planned.promotions:
            number, before = promotion.trial.number, promotion.rung - 1
            assert trials[number].reach == before and trials[number].status == "waiting"
            assert promotion.trial in ranked(search, trials, before)[: len(trials) // search.reduction]
            trials[number] = promoted(trials[number], promotion.rung)
        trials += [begun(number) for number in range(len(trials), len(trials) + planned.new)]
        still_open = [trial for trial in trials if trial.status == "running"]
        assert search.parallel is None or len(still_open) <= search.parallel
        if planned.is_over:
            break
        assert still_open, "a sweep that is not over would wait for ever"
        done = data.draw(st.sampled_from(still_open))
        value = data.draw(st.none() | st.floats(-10, 10, allow_nan=False))
        trials[done.number] = ended(done, search, value)
    assert len(trials) == search.trials and not list(promotable(search, trials))
    if all(trial.status != "failed" for trial in trials):
        assert any(trial.status == "complete" for trial in trials)


def test_the_rungs_leave_one_trial_for_the_end_and_grow_by_the_reduction() -> None:
    assert rungs(30, 64, 3) == [2, 4, 10]
    assert rungs(27, 27, 3) == [1, 3, 9]
    assert rungs(16, 4, 4) == [4]
    assert rungs(10, 2, 3) == []  # too few trials to reduce
    assert rungs(1, 64, 3) == []
    assert rungs(2, 64, 3) == [1]


def test_of_all_results_at_hand_a_third_goes_on() -> None:
    search = Search(maximize=True, trials=9, rungs=2)
    trials = [ended(begun(number), search, float(number % 5)) for number in range(9)]
    assert [(one.trial.number, one.rung) for one in promotable(search, trials)] == [(4, 1), (3, 1), (8, 1)]
    lowest = replace(search, maximize=False)
    assert [one.trial.number for one in promotable(lowest, trials)] == [0, 5, 1]


def test_a_lost_trial_counts_among_those_that_reached_the_rung() -> None:
    search = Search(maximize=True, trials=3, rungs=1)
    trials = [ended(begun(0), search, 0.1), ended(begun(1), search, None)]
    assert list(promotable(search, trials)) == []
    refused = Trial(2, {}, {"code": "no_end", "params": {}}, [])
    assert [one.trial.number for one in promotable(search, [*trials, refused])] == [0]
