"""The defaults against the best of a small grid, on datasets of 40 to 10,000 examples.

A run of the defaults is a request that names the dataset alone, trained by a worker's own code on one thread. The grid
has the default network too, with 3 learning rates, 2 batch sizes, both normalisations of pictures, and 3 numbers of
steps; on each split the best by the validation part is taken, by accuracy or r², then by loss. Both are scored on the
test part. Datasets under 1,000 examples have ten splits, larger ones three; the seed of the first weights is the
split's.

The defaults hold on a dataset if the mean over its splits is at most 0.02 of accuracy or 0.03 of r² below the grid's,
or two standard errors of the difference where that is more; if they learn something on every split where the grid
learns well; and if no run takes more than 10 seconds of processor time.
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
NOTHING, WELL = 0.1, 0.5  # shares of what can be learnt: 0 is chance, 1 is all
CPU = torch.device("cpu")


@dataclass(frozen=True)
class Scores:
    """Of one split: the test part's accuracy or r² by the defaults and by the best of the grid, and what the most
    frequent class or the mean has; what the defaults chose; seconds of processor time of the defaults' run."""

    defaults: float
    grid: float
    chance: float
    chosen: str
    seconds: float

    def learnt(self, score: float) -> float:
        return (score - self.chance) / (1 - self.chance)

    @property
    def stuck(self) -> bool:
        """Whether the defaults are at chance where the grid does well."""
        return self.learnt(self.defaults) < NOTHING and self.learnt(self.grid) > WELL


@dataclass(frozen=True)
class Comparison:
    """All splits of a dataset."""

    metric: str
    splits: list[Scores]

    @property
    def means(self) -> tuple[float, float]:
        """By the defaults and by the grid."""
        return statistics.mean(s.defaults for s in self.splits), statistics.mean(s.grid for s in self.splits)

    @property
    def allowed(self) -> float:
        """How far the defaults' mean may be below the grid's."""
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
    """The grid, without the numbers of steps: one training passes them all."""
    for lr, batch in itertools.product(LEARNING_RATES, BATCHES):
        fields = {"optimizer": {"name": "adam", "lr": lr}, "batch_size": batch, "stop": {"max_steps": max(STEPS)}}
        yield from ({"normalise": kind} | fields for kind in NORMALISATIONS) if pictures else (fields,)


def best_of_grid(found: Lab, wanted: dict[str, Any], metric: str, pictures: bool) -> float:
    """The test part's metric where the validation part's is best."""
    with found.store.database.read() as db:
        folder = datasets.get(db, wanted["dataset"]).folder
    assert folder is not None
    seen: list[tuple[float, float, float]] = []
    for fields in configurations(pictures):
        training, _ = job_setup.prepare(found.store.resolved(wanted | fields), folder, found.store.files, CPU)
        measure, training.measure = training.measure, lambda *_: {}  # type: ignore[method-assign]
        for step in training.steps():
            if step.number in STEPS:
                metrics = measure("validation", "test")
                seen.append((metrics["validation"][metric], -metrics["validation"]["loss"], metrics["test"][metric]))
                training.model.train()
    return max(seen)[2]


def defaults(found: Lab, dataset: str, split: int) -> tuple[dict[str, Any], dict[str, Any], float]:
    """The resolved request, the test part's metrics, and seconds of processor time."""
    began = time.process_time()
    facts = found.train(request(dataset, split))
    metrics = facts.metrics["test"]
    assert metrics is not None
    return dict(facts.request), dict(metrics), time.process_time() - began


def compare(found: Lab, dataset: str) -> Comparison:
    """Both on every split of a dataset."""
    with found.store.database.read() as db:
        about = datasets.get(db, dataset).about
    metric, pictures = ("accuracy" if about["classes"] else "r2"), len(about["shape"]) == 3
    chance = max((item["count"] for item in about["classes"]), default=0) / about["examples"]
    splits = []
    for split in range(SPLITS_OF_FEW if about["examples"] < FEW else SPLITS_OF_MANY):
        resolved, metrics, seconds = defaults(found, dataset, split)
        chosen = f"batch {resolved['batch_size']}, {resolved['stop']['max_epochs']} epochs"
        grid = best_of_grid(found, request(dataset, split), metric, pictures)
        splits.append(Scores(metrics[metric], grid, chance, chosen, seconds))
    return Comparison(metric, splits)


def main() -> None:
    torch.set_num_threads(1)
    print(HEADER)
    with lab() as found:
        for name in (*SAMPLES, *BUILTIN):
            if name in SAMPLES:
                found.add(name, SAMPLES[name]().imported())
            print(compare(found, name).row(name), flush=True)
        accuracies = [defaults(found, "notmnist", split)[1]["accuracy"] for split in range(SPLITS_OF_NOTMNIST)]
    figure("notmnist, mean over 6 splits", statistics.mean(accuracies), "accuracy", at_least=0.9)
