"""The defaults against the best of a small grid, on datasets of 40 to 10,000 examples.

A run with the defaults is a request with nothing but the dataset's name, trained by the worker's code on one thread.
The grid has the default network with 3 learning rates, 2 batch sizes, both normalisations of pictures, and 3 numbers of
steps. On each split the best of the grid is chosen on the validation part, by accuracy or R², then by loss. Both are
scored on the test part. Datasets under 1,000 examples have ten splits, larger ones three. The split's seed is also the
seed of the initial weights.

The defaults hold on a dataset if three conditions are met. The mean over its splits is at most 2 percentage points of
accuracy or 0.03 of R² below the grid's, or two standard errors of the difference if that is more. The defaults learn
something on every split on which the grid learns well. No run takes more than 10 seconds of CPU time.
"""

import itertools
import statistics
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch

from app.storage import datasets
from bench.lab import Lab, lab
from bench.report import figure
from bench.samples import SAMPLES
from worker import job_setup

BUILTIN = ("diabetes", "digits", "notmnist")
FEW, SPLITS_OF_FEW, SPLITS_OF_MANY, SPLITS_OF_NOTMNIST = 1000, 10, 3, 6
LEARNING_RATES, BATCHES, NORMALISATIONS = (0.0003, 0.001, 0.003), (16, 64), ("unit", "standard")
STEPS = (100, 300, 1000)
WITHIN = {"accuracy": 0.02, "r2": 0.03}
MOST_SECONDS = 10.0
NOTHING, WELL = 0.1, 0.5  # on a scale from 0 (chance) to 1 (perfect)
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Scores:
    """Test accuracy or R² on one split: of the defaults, of the best of the grid, and of a constant prediction (the
    most frequent class or the mean). Also the values that the defaults chose, and the CPU seconds of their run."""

    defaults: float
    grid: float
    chance: float
    chosen: str
    seconds: float

    def learnt(self, score: float) -> float:
        """The score on a scale from 0 (chance) to 1 (perfect)."""
        return (score - self.chance) / (1 - self.chance)

    @property
    def stuck(self) -> bool:
        """True if the defaults are at chance and the grid does well."""
        return self.learnt(self.defaults) < NOTHING and self.learnt(self.grid) > WELL


@dataclass(frozen=True)
class Comparison:
    """The scores on all splits of a dataset."""

    metric: str
    splits: list[Scores]

    @property
    def means(self) -> tuple[float, float]:
        """Mean scores of the defaults and of the grid."""
        return statistics.mean(s.defaults for s in self.splits), statistics.mean(s.grid for s in self.splits)

    @property
    def allowed(self) -> float:
        """Maximum by which the defaults' mean may be below the grid's."""
        differences = [split.grid - split.defaults for split in self.splits]
        return max(WITHIN[self.metric], 2 * statistics.stdev(differences) / len(differences) ** 0.5)

    @property
    def seconds(self) -> float:
        return max(split.seconds for split in self.splits)

    @property
    def holds(self) -> bool:
        defaults, grid = self.means
        stuck = any(split.stuck for split in self.splits)
        return grid - defaults <= self.allowed and not stuck and self.seconds <= MOST_SECONDS

    def row(self, name: str) -> str:
        (defaults, grid), first = self.means, self.splits[0]
        worst = min(split.defaults for split in self.splits)
        return (
            f"{name:<14} {self.metric:<8} {len(self.splits):>6} {first.chosen:<24} {defaults:>8.3f} {grid:>7.3f} "
            f"{grid - defaults:>+7.3f} {self.allowed:>7.3f} {worst:>6.3f} {self.seconds:>5.1f}  "
            f"{'yes' if self.holds else 'NO'}"
        )


HEADER = (
    f"{'dataset':<14} {'metric':<8} {'splits':>6} {'chosen':<24} {'defaults':>8} {'grid':>7} {'below':>7} "
    f"{'allowed':>7} {'worst':>6} {'s':>5}  holds"
)


def request(dataset: str, split: int) -> dict[str, Any]:
    return {"dataset": dataset, "split": {"seed": split}, "seed": split, "device": "cpu"}


def configurations(pictures: bool) -> Iterator[dict[str, Any]]:
    """The grid without the numbers of steps: one training passes through all of them."""
    for lr, batch in itertools.product(LEARNING_RATES, BATCHES):
        fields = {"optimizer": {"name": "adam", "lr": lr}, "batch_size": batch, "stop": {"max_steps": max(STEPS)}}
        yield from ({"normalise": kind} | fields for kind in NORMALISATIONS) if pictures else (fields,)


def best_of_grid(laboratory: Lab, wanted: dict[str, Any], metric: str, pictures: bool) -> float:
    """The test metric of the configuration with the best validation metric."""
    with laboratory.store.database.read() as db:
        folder = datasets.get(db, wanted["dataset"]).folder
    assert folder is not None
    seen: list[tuple[float, float, float]] = []
    for fields in configurations(pictures):
        training, _ = job_setup.prepare(laboratory.store.resolved(wanted | fields), folder, laboratory.store.files, CPU)
        measure, training.measure = training.measure, lambda *_: {}  # type: ignore[method-assign]
        for step in training.steps():
            if step.number in STEPS:
                metrics = measure("validation", "test")
                seen.append((metrics["validation"][metric], -metrics["validation"]["loss"], metrics["test"][metric]))
                training.model.train()
    return max(seen)[2]


def defaults(laboratory: Lab, dataset: str, split: int) -> tuple[dict[str, Any], dict[str, Any], float]:
    """The resolved request, the test metrics, and the CPU seconds."""
    began = time.process_time()
    facts = laboratory.train(request(dataset, split))
    metrics = facts.metrics["test"]
    assert metrics is not None
    return dict(facts.request), dict(metrics), time.process_time() - began


def compare(laboratory: Lab, dataset: str) -> Comparison:
    """Score the defaults and the grid on every split of a dataset."""
    with laboratory.store.database.read() as db:
        about = datasets.get(db, dataset).about
    metric, pictures = ("accuracy" if about["classes"] else "r2"), len(about["shape"]) == 3
    chance = max((item["count"] for item in about["classes"]), default=0) / about["examples"]
    splits = []
    for split in range(SPLITS_OF_FEW if about["examples"] < FEW else SPLITS_OF_MANY):
        resolved, metrics, seconds = defaults(laboratory, dataset, split)
        chosen = f"batch {resolved['batch_size']}, {resolved['stop']['max_epochs']} epochs"
        grid = best_of_grid(laboratory, request(dataset, split), metric, pictures)
        splits.append(Scores(metrics[metric], grid, chance, chosen, seconds))
    return Comparison(metric, splits)


def main() -> None:
    torch.set_num_threads(1)
    print(HEADER)
    with lab() as laboratory:
        for name in (*SAMPLES, *BUILTIN):
            if name in SAMPLES:
                laboratory.add(name, SAMPLES[name]().imported())
            print(compare(laboratory, name).row(name), flush=True)
        accuracies = [defaults(laboratory, "notmnist", split)[1]["accuracy"] for split in range(SPLITS_OF_NOTMNIST)]
    figure("notmnist, mean over 6 splits", statistics.mean(accuracies), "accuracy", at_least=0.9)
