"""The lecture's claims, each with what shows whether it is so. A new experiment is an entry in one of these files."""

import threading
from collections.abc import Mapping

import torch

from app.learning.insight.diagnosis.facts import Facts
from app.learning.insight.experiments import backprop, descent, layers, optimizers, practice
from app.learning.insight.experiments.experiment import Experiment, Seen

EXPERIMENTS: dict[str, Experiment] = {
    entry.name: entry for module in (layers, backprop, descent, optimizers, practice) for entry in module.EXPERIMENTS
}

_generator = threading.Lock()  # weights are drawn from torch's global generator


def observe(experiment: Experiment, seed: int, runs: Mapping[str, Facts]) -> Seen:
    """What one seed showed, whoever draws random numbers meanwhile; `runs` are by the trials' names."""
    with _generator, torch.random.fork_rng(devices=[]):
        return experiment.observe(seed, runs)
