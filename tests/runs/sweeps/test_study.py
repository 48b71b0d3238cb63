"""Optuna's samplers on results: what they learn, and that a proposal is a function of the results."""

from typing import Any

from optuna.trial import TrialState

from app.runs.sweeps import study
from app.runs.sweeps.requests import SearchRequest, space_of
from app.runs.sweeps.trials import END, Trial, TrialRun

SPACE = space_of(
    SearchRequest.model_validate(
        {
            "tpe": {
                "optimizer.lr": {"low": 0.0001, "high": 1.0, "log": True},
                "optimizer.name": ["sgd", "momentum"],
                "optimizer.momentum": {"low": 0.1, "high": 0.99, "when": {"optimizer.name": ["momentum"]}},
            }
        }
    ).tpe
    or {}
)


def quality(params: dict[str, Any]) -> float:
    return 1 / (1 + abs(params["optimizer.lr"] - 0.01) * 10) + params.get("optimizer.momentum", 0)


def drawn(sampler: str, count: int) -> list[dict[str, Any]]:
    results: list[study.Result] = []
    for number in range(count):
        params = study.draw(sampler, SPACE, results, maximize=True, seed=(0, number))
        results.append(study.known(params, quality(params)))
    return [result.params for result in results]


def test_tpe_learns_from_results_and_random_does_not() -> None:
    good = {sampler: sum(quality(params) > 1.5 for params in drawn(sampler, 45)[15:]) for sampler in ("tpe", "random")}
    assert good["tpe"] > 2 * good["random"]


def test_the_same_results_give_the_same_proposals() -> None:
    assert drawn("tpe", 15) == drawn("tpe", 15)


def test_results_outside_of_the_space_do_not_count() -> None:
    inside = study.known({"optimizer.lr": 0.1, "optimizer.name": "sgd"}, 0.5)
    outside = [
        study.known({"optimizer.lr": 7.0, "optimizer.name": "sgd"}, 0.5),
        study.known({"optimizer.lr": 0.1, "optimizer.name": "momentum"}, 0.5),
        study.known({"optimizer.lr": 0.1, "optimizer.name": "sgd", "optimizer.momentum": 0.9}, 0.5),
        study.known({"batch_size": 16}, 0.5),
    ]
    assert len(study.study_of(SPACE, [inside, *outside], maximize=True).trials) == 1


def test_a_lost_trial_is_worse_than_all_others_and_a_pruned_one_is_judged_by_its_last_rung() -> None:
    params = {"optimizer.lr": 0.1, "optimizer.name": "sgd"}

    def result(values: dict[str, float], outcome: Any) -> study.Result:
        return study.result(
            Trial(0, params, None, [TrialRun(0, "run_0", 1, values, outcome, outcome is None)]), rungs=2
        )

    complete, diverged = result({"0": 0.1, END: 0.3}, "succeeded"), result({"0": 0.1}, "diverged")
    pruned, running = result({"0": 0.1, "1": 0.2}, "pruned"), result({"0": 0.1}, None)
    assert (complete.state, complete.value) == (TrialState.COMPLETE, 0.3)
    assert (diverged.state, diverged.values) == (TrialState.PRUNED, {})
    assert (pruned.state, pruned.values) == (TrialState.PRUNED, {0: 0.1, 1: 0.2})
    assert running.state == TrialState.RUNNING
