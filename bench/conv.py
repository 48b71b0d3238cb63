"""`vgg_small`, batch 64, on notmnist: the trainer's steps against plain eager PyTorch, in fp32 and in bfloat16.

Targets: at least 1.2 × the speed of plain PyTorch in fp32 (`channels_last`, fused optimizer), and 2 × with
`precision: bf16`. The rivals run in turn, in many rounds. Ratios are printed for the best rounds and for the medians.
"""

import os
import statistics
import time
from collections.abc import Callable, Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from app.learning.architecture import build
from bench.report import figure
from bench.store import Store, store

ROUNDS, STEPS = 5, 8
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")


def seconds(step: Callable[[], object]) -> float:
    """Mean seconds of one step."""
    step()
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()
    begun = time.perf_counter()
    for _ in range(STEPS):
        step()
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()
    return (time.perf_counter() - begun) / STEPS


def ours(store: Store, precision: str) -> Callable[[], object]:
    """A step of the real trainer."""
    request = {"dataset": "notmnist", "model": {"preset": "vgg_small"}, "precision": precision}
    return store.stepping(request, DEVICE)


def plain(store: Store) -> Callable[[], object]:
    """A step of a plain loop: the default optimizer, a batch gathered by its indices."""
    request = store.resolved({"dataset": "notmnist", "model": {"preset": "vgg_small"}})
    training = store.training(request, DEVICE)
    model = build(training.recipe.layers, training.recipe.input_shape).to(DEVICE)
    optimizer = torch.optim.Adam(model.parameters())
    inputs, targets = training.data.batch(training.data.parts["train"], DEVICE)

    def batches() -> Iterator[Tensor]:
        while True:
            yield from torch.randperm(len(inputs), device=DEVICE).split(64)

    indices = batches()

    def step() -> float:
        chosen = next(indices)
        optimizer.zero_grad()
        loss = F.cross_entropy(model(inputs[chosen]), targets[chosen])
        loss.backward()
        optimizer.step()
        return loss.item()

    return step


def main() -> None:
    torch.set_num_threads(os.cpu_count() or 1)
    with store() as data_store:
        rivals = {"plain": plain(data_store), "fp32": ours(data_store, "fp32"), "bf16": ours(data_store, "bf16")}
        took: dict[str, list[float]] = {name: [] for name in rivals}
        for _ in range(ROUNDS):
            for name, step in rivals.items():
                took[name].append(seconds(step))
    best = {name: min(times) for name, times in took.items()}
    middle = {name: statistics.median(times) for name, times in took.items()}
    for name, taken in best.items():
        figure(name, 64 / taken, "samples/s")
    figure("fp32 : plain, best", best["plain"] / best["fp32"], "×", at_least=1.2)
    figure("bf16 : plain, best", best["plain"] / best["bf16"], "×", at_least=2)
    figure("fp32 : plain, median", middle["plain"] / middle["fp32"], "×")
    figure("bf16 : plain, median", middle["plain"] / middle["bf16"], "×")
