"""Gain of each strategy of the fast path: whole steps of the trainer with it and without it.

Each pair of trainings takes steps in turn, in many short rounds. CPU seconds of one thread are measured, because other
processes affect them least. The ratio of the best rounds is printed, and the median of the rounds' ratios. Remove a
strategy that gains nothing at any batch size.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from typing import Any, NamedTuple
from unittest.mock import patch

import torch

from app.learning.fast_cpu import stepper, updates
from app.learning.fast_cpu.stepper import LinearChainStepper
from app.learning.fast_cpu.updates import FlatUpdate
from app.learning.training import Training
from bench.report import figure
from bench.store import Store

CPU = torch.device("cpu")
ROUNDS, ROUND_SECONDS = 100, 0.004  # other processes often do not interrupt a short round
BATCHES = {"notmnist": (1, 16, 128, 512), "diabetes": (1, 16, 128)}  # pictures of 784 pixels, a table of 10 columns
ADAM, MOMENTUM, SGD = ({"name": "adam"}, {"name": "momentum"}, {"name": "sgd", "lr": 0.01})


@contextmanager
def _prepared(yes: bool) -> Iterator[None]:
    """Patch trainings to prepare all inputs before the first step, or never."""
    build = Training.build_stepper

    def prepare_first(training: Training) -> Any:
        if yes:
            training.data.prepare_all()
        training.data.prepare_all = lambda: None  # type: ignore[method-assign]
        return build(training)

    with patch.object(Training, "build_stepper", prepare_first):
        yield


def _autograd() -> AbstractContextManager[Any]:
    return patch.object(LinearChainStepper, "fits", return_value=False)


def _flat() -> AbstractContextManager[Any]:
    return patch.object(stepper, "choose_update", lambda entry, optimizer, _: FlatUpdate(entry, optimizer))


def _chosen() -> AbstractContextManager[Any]:
    return patch.object(stepper, "choose_update", updates.choose_update)


class Strategy(NamedTuple):
    name: str
    optimizer: dict[str, Any]
    with_it: Callable[[], AbstractContextManager[Any]]
    without: Callable[[], AbstractContextManager[Any]]


STRATEGIES = (
    *(Strategy(f"gradients by hand, FlatUpdate ({o['name']})", o, _flat, _autograd) for o in (ADAM, MOMENTUM, SGD)),
    Strategy("FusedAdamUpdate : FlatUpdate", ADAM, _chosen, _flat),
    Strategy("MomentumInPlace : FlatUpdate", MOMENTUM, _chosen, _flat),
    Strategy("SGDInPlace : FlatUpdate", SGD, _chosen, _flat),
    Strategy("prepared inputs : prepared by batch", ADAM, lambda: _prepared(True), lambda: _prepared(False)),
)


def seconds(rivals: list[Callable[[], object]]) -> list[list[float]]:
    """CPU seconds of one step of each rival, in each round."""
    took: list[list[float]] = [[] for _ in rivals]
    for step in rivals:
        step(), step()
    begun = time.process_time()
    rivals[0]()
    steps = max(1, round(ROUND_SECONDS / (time.process_time() - begun)))
    for _ in range(ROUNDS):
        for times, step in zip(took, rivals, strict=True):
            begun = time.process_time()
            for _ in range(steps):
                step()
            times.append((time.process_time() - begun) / steps)
    return took


def compare(name: str, without: Callable[[], object], with_it: Callable[[], object]) -> None:
    """Print the speedup of the second rival over the first."""
    slow, fast = seconds([without, with_it])
    median = statistics.median(a / b for a, b in zip(slow, fast, strict=True))
    figure(name, min(slow) / min(fast), f"× (median {median:.2f}; {min(slow) * 1e6:.0f} → {min(fast) * 1e6:.0f} µs)")


def gains(store: Store) -> None:
    """Print the speedup of a step by each strategy, and of an evaluation by prepared inputs."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for dataset, batches in BATCHES.items():
        for strategy in STRATEGIES:
            for batch in batches:
                request = {"dataset": dataset, "batch_size": batch, "optimizer": strategy.optimizer}
                rivals = []
                for variant in (strategy.without, strategy.with_it):
                    with variant():
                        rivals.append(store.stepping(request, CPU))
                compare(f"{dataset}, batch {batch}: {strategy.name}", *rivals)
        trainings = [store.training(store.resolved({"dataset": dataset}), CPU) for _ in range(2)]
        trainings[1].data.prepare_all()
        evaluations = [partial(training.measure, "train") for training in trainings]
        compare(f"{dataset}, evaluation: prepared inputs : prepared by batch", *evaluations)
    torch.set_num_threads(threads)
