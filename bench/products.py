"""Speed of the trainer's step as a share of its limit: the five matrix products of 784-256-10, in preallocated memory.

Targets: 0.70 of the limit at batch 128 with Adam and 0.72 with momentum, and 0.72 at batch 512 with both. At batch 1,
with plain gradient descent on one thread, 4 × as fast as a plain loop. The rivals run in turn, in many short rounds.
Ratios are printed for the best rounds and for the medians. The trainer records nothing here; `bench train` measures the
cost of recording.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

from bench.report import figure
from bench.store import Store

CPU = torch.device("cpu")
ROUNDS, STEPS = 30, 12
Rival = Callable[[], object]


def products(batch: int) -> Rival:
    """The matrix products of one step: two forward, three backward."""
    x, h, g1, g2 = (torch.rand(batch, width) for width in (784, 256, 256, 10))
    w1, w2 = torch.rand(784, 256), torch.rand(256, 10)
    z1, z2, gh = torch.empty(batch, 256), torch.empty(batch, 10), torch.empty(batch, 256)
    dw1, dw2 = torch.empty(784, 256), torch.empty(256, 10)

    def step() -> None:
        torch.mm(x, w1, out=z1)
        torch.mm(h, w2, out=z2)
        torch.mm(h.t(), g2, out=dw2)
        torch.mm(g2, w2.t(), out=gh)
        torch.mm(x.t(), g1, out=dw1)

    return step


def plain(store: Store, batch: int) -> Rival:
    """A step of a plain loop with gradient descent."""
    data = store.training(store.resolved({"dataset": "notmnist"}), CPU).data
    part = TensorDataset(*data.batch(data.parts["train"], CPU))
    model = nn.Sequential(nn.Flatten(), nn.Linear(784, 256), nn.ReLU(), nn.Linear(256, 10))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    def steps() -> Iterator[float]:
        while True:
            for inputs, targets in DataLoader(part, batch_size=batch, shuffle=True):
                optimizer.zero_grad()
                loss = F.cross_entropy(model(inputs), targets)
                loss.backward()
                optimizer.step()
                yield loss.item()

    running = steps()
    return lambda: next(running)


def seconds(rivals: dict[str, Rival], times: int = 1) -> dict[str, list[float]]:
    """Seconds of one step of each rival, in each round."""
    took: dict[str, list[float]] = {name: [] for name in rivals}
    for step in rivals.values():
        step()
    for _ in range(ROUNDS):
        for name, step in rivals.items():
            begun = time.perf_counter()
            for _ in range(STEPS * times):
                step()
            took[name].append((time.perf_counter() - begun) / STEPS / times)
    return took


def shares(store: Store) -> None:
    """Print the trainer's speed as a share of the limit."""

    def trainer(batch: int, optimizer: dict[str, Any]) -> Rival:
        return store.stepping({"dataset": "notmnist", "batch_size": batch, "optimizer": optimizer}, CPU)

    adam, momentum = {"name": "adam"}, {"name": "momentum", "lr": 0.01}
    for batch, optimizer, wanted in (
        (128, adam, 0.70),
        (128, momentum, 0.72),
        (512, adam, 0.72),
        (512, momentum, 0.72),
    ):
        took = seconds({"limit": products(batch), "trainer": trainer(batch, optimizer)})
        name = f"batch {batch}, {optimizer['name']}: share of the limit"
        figure(f"{name}, best", min(took["limit"]) / min(took["trainer"]), "", at_least=wanted)
        figure(f"{name}, median", statistics.median(took["limit"]) / statistics.median(took["trainer"]), "")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    took = seconds({"plain": plain(store, 1), "trainer": trainer(1, {"name": "sgd", "lr": 0.01})}, times=8)
    torch.set_num_threads(threads)
    figure(
        "batch 1, sgd: the trainer against a plain loop, best",
        min(took["plain"]) / min(took["trainer"]),
        "×",
        at_least=4,
    )
