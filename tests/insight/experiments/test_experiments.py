"""Each experiment confirms its statement with every seed."""

import os
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from app.insight.experiments import EXPERIMENTS, observe
from app.insight.experiments.experiment import Experiment, Seen, spreads, verdict
from bench.lab import Lab, lab

SEEDS = int(os.environ.get("EXPERIMENT_SEEDS", "1"))
# What makes a quick form of those that take long.
QUICK: dict[str, dict[str, Any]] = {
    "regression": {"stop": {"max_epochs": 1000}},
    "linear_collapse": {"stop": {"max_steps": 1}},  # the verdict depends only on a calculation
}
LONG = ("double_softmax", "improvements")  # no short form shows the same


@pytest.fixture(scope="module")
def laboratory() -> Iterator[Lab]:
    with lab() as found:
        yield found


def tried(laboratory: Lab, experiment: Experiment, seeds: range, fields: Mapping[str, Any]) -> list[Seen]:
    return [laboratory.seen(experiment, seed, **fields)[0] for seed in seeds]


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=[pytest.mark.long] if name in LONG else []) for name in EXPERIMENTS]
)
def test_every_seed_shows_what_is_right(laboratory: Lab, name: str) -> None:
    experiment = EXPERIMENTS[name]
    seen = tried(laboratory, experiment, range(SEEDS), QUICK.get(name, {}))
    assert verdict(seen) == "shown", spreads(seen)
    said = experiment.says(spreads(seen))
    assert "{" not in said and "nan" not in said


@pytest.mark.long
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_three_seeds_of_the_whole_form_show_it(laboratory: Lab, name: str) -> None:
    seen = tried(laboratory, EXPERIMENTS[name], range(3), {})
    assert verdict(seen) == "shown", spreads(seen)


def test_a_calculation_observes_every_number_of_its_sentence() -> None:
    for experiment in EXPERIMENTS.values():
        if experiment.trials:
            continue
        numbers = observe(experiment, 0, {}).numbers
        assert set(re.findall(r"{(\w+)(?::[^}]+)?}", experiment.sentence)) <= numbers.keys()


def test_a_verdict_is_over_all_seeds() -> None:
    yes, no = Seen({"x": 1.0}, shown=True), Seen({"x": 3.0}, shown=False)
    assert (verdict([yes, yes]), verdict([yes, no]), verdict([no])) == ("shown", "differs by seed", "not shown")
    assert vars(spreads([yes, no])["x"]) == {"mean": 2.0, "min": 1.0, "max": 3.0}
