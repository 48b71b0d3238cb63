"""The lecture's claims, each with runs or a calculation to test it. A new experiment is an entry in these files."""

from collections.abc import Mapping

from app.insight.analysis.random_state import seeded
from app.insight.diagnosis.facts import Facts
from app.insight.experiments import backprop, descent, layers, mistakes, optimizers, practice
from app.insight.experiments.experiment import Experiment, Seen

EXPERIMENTS: dict[str, Experiment] = {
    entry.name: entry
    for module in (layers, backprop, descent, optimizers, practice, mistakes)
    for entry in module.EXPERIMENTS
}


def observe(experiment: Experiment, seed: int, runs: Mapping[str, Facts]) -> Seen:
    """Observation of one seed; `runs` maps the names of trials to the facts of their runs."""
    with seeded(seed):
        return experiment.observe(seed, runs)
