"""Effect of augmentation: test accuracy without and with small shifts and rotations, with the presets' recipes.

There is no target: the effect depends on the data and the network. Each figure is the mean of three seeds.
"""

import os
import statistics
from typing import Any

import torch

from bench.report import figure
from bench.store import Store, store

SEEDS = range(3)
RUNS = [("notmnist", "mlp"), ("digits", "mlp"), ("digits", "vgg_small")]
AUGMENTS: list[dict[str, float] | None] = [None, {"shift": 0.05, "rotate": 5}, {"shift": 0.1, "rotate": 10}]
CPU = torch.device("cpu")


def accuracy(data_store: Store, request: dict[str, Any]) -> float:
    """Test accuracy at the end of the run."""
    training = data_store.training(data_store.resolved(request), CPU)
    for _ in training.steps():
        pass
    return training.measure("test", model=training.served()[0])["test"]["accuracy"]


def main() -> None:
    torch.set_flush_denormal(True)  # as the worker's children do
    torch.set_num_threads(os.cpu_count() or 1)
    with store() as data_store:
        for dataset, preset in RUNS:
            for augment in AUGMENTS:
                request = {"dataset": dataset, "model": {"preset": preset}, "augment": augment}
                reached = [100 * accuracy(data_store, request | {"seed": seed}) for seed in SEEDS]
                name = f"{preset} on {dataset}, {augment or 'no augmentation'} (± {statistics.stdev(reached):.1f})"
                figure(name, statistics.mean(reached), "%")
