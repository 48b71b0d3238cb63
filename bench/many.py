"""32 runs of `digits`, MLP 784-64-10, batch 16: the product against eager PyTorch, one run after another, on one
thread, since more would only wait for one another in such small steps.

Target: at least 6 × the runs a minute. Both measure the training and validation parts after each epoch, or neither.
First the learning core: a process a core, each with programs of 8 runs, whose products are the quicker ones. Then whole
services with everything that a run needs: recording, checkpoints, evaluation and result, with programs and without.
Eight workers on Postgres with one thread each train at least 0.9 × cores as many runs a minute as one of them. Beside
it stands what eight bare processes reach that record nothing: they share the caches of the cores.

Also printed: the gain of a stack over runs one after another on one thread, both by hand, by network and batch size.
"""

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

import httpx
import torch
import torch.nn.functional as F
from torch import Tensor

from app.learning.data import Data, Part
from app.learning.ensemble.ensemble import Ensemble
from app.learning.ensemble.member import Member, StackedMember
from app.learning.ensemble.products import MEMBERS, quicker
from app.learning.losses import CrossEntropy
from app.learning.optimizers import SGD
from app.learning.preprocessing import Affine
from app.learning.recipe import Recipe
from app.learning.stopping import Stop
from app.learning.training import Step, Training
from bench.report import figure
from bench.service import ended, home, server
from bench.store import Store, store
from bench.strategies import compare
from tests.support.postgres import Postgres

RUNS, STACK, EPOCHS, ROUNDS = 32, 8, 20, 3
QUIET_SECONDS = 2
SERVICE_EPOCHS = 200  # 3.5 seconds of eager PyTorch
CORES = os.cpu_count() or 1
CPU = torch.device("cpu")
MODEL: dict[str, Any] = {"layers": [{"type": "linear", "units": 64}, {"type": "relu"}]}
REQUEST: dict[str, Any] = {"dataset": "digits", "model": MODEL, "batch_size": 16, "device": "cpu"}
OPTIMIZERS: dict[str, dict[str, Any]] = {"sgd": {"name": "sgd"}, "adam": {"name": "adam"}}


def training(data_store: Store, optimizer: str, batch_size: int = 16) -> Training:
    request = REQUEST | {"optimizer": OPTIMIZERS[optimizer], "batch_size": batch_size, "stop": {"max_epochs": EPOCHS}}
    return data_store.training(data_store.resolved(request), CPU)


def eager(data: Data, optimizer: str, epochs: int, *, with_metrics: bool) -> float:
    """Seconds of one run in eager PyTorch, with all data prepared in memory."""
    (inputs, targets), validation = (data.batch(data.parts[part], CPU) for part in ("train", "validation"))
    begun = time.perf_counter()
    model = torch.nn.Sequential(torch.nn.Flatten(), torch.nn.Linear(784, 64), torch.nn.ReLU(), torch.nn.Linear(64, 10))
    kind: Any = {"sgd": partial(torch.optim.SGD, lr=0.1), "adam": torch.optim.Adam}[optimizer]
    descent = kind(model.parameters())
    for _ in range(epochs):
        for indices in torch.split(torch.randperm(len(targets)), 16):
            descent.zero_grad()
            loss = F.cross_entropy(model(inputs[indices]), targets[indices])
            loss.backward()  # type: ignore[no-untyped-call]
            descent.step()
            loss.item()
        if with_metrics:
            with torch.no_grad():
                for x, y in ((inputs, targets), validation):
                    outputs = model(x)
                    F.cross_entropy(outputs, y).item(), (outputs.argmax(1) == y).sum().item()
    return time.perf_counter() - begun


def members(
    data: Data, recipe: Recipe, count: int, *, with_metrics: bool, kind: type[Member] = StackedMember
) -> list[Member]:
    found = [kind(replace(recipe, seed=seed), data, CPU) for seed in range(count)]
    if not with_metrics:
        for member in found:
            member.measure = lambda *_, **__: {}  # type: ignore[method-assign]
    return found


def train(waiting: list[Member], capacity: int = STACK) -> None:
    """Train all members in an ensemble, which is filled up whenever one has left."""
    ensemble = Ensemble(capacity)
    while waiting or ensemble.members:
        while waiting and len(ensemble.members) < capacity:
            ensemble.join(waiting.pop())
        ensemble.step()


def share(optimizer: str, with_metrics: bool, runs: int, capacity: int) -> None:
    """One process's part: prepare, wait for the start, train."""
    torch.set_flush_denormal(True)
    torch.set_num_threads(1)
    with store() as data_store:
        one = training(data_store, optimizer)
        warm_up = replace(one.recipe, stop=Stop(max_steps=3))
        train(members(one.data, warm_up, 2, with_metrics=False))
        print("ready", flush=True)
        sys.stdin.readline()
        kind = MEMBERS[quicker(one.recipe, one.data, capacity)]
        train(members(one.data, one.recipe, runs, with_metrics=with_metrics, kind=kind), capacity)


def stacks(
    optimizer: str, *, with_metrics: bool, processes: int = CORES, runs: int = RUNS // CORES, capacity: int = STACK
) -> float:
    """Seconds that the processes take for so many runs each, `capacity` at a time."""
    command = [sys.executable, "-m", "bench.many", optimizer, str(int(with_metrics)), str(runs), str(capacity)]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(processes)
    ]
    for process in started:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
    begun = time.perf_counter()
    for process in started:
        assert process.stdin is not None
        print(file=process.stdin, flush=True)
    for process in started:
        process.wait()
    return time.perf_counter() - begun


def core(data_store: Store) -> None:
    """The learning core against eager PyTorch."""
    for optimizer in OPTIMIZERS:
        data = training(data_store, optimizer).data
        for with_metrics in (False, True):
            took = []
            for _ in range(ROUNDS):
                slow = sum(eager(data, optimizer, EPOCHS, with_metrics=with_metrics) for _ in range(RUNS))
                took.append((slow, stacks(optimizer, with_metrics=with_metrics)))
            name = f"{optimizer}, {'metrics after each epoch' if with_metrics else 'steps alone'}"
            figure(f"{name}: eager, one after another", RUNS * 60 / min(slow for slow, _ in took), "runs/min")
            figure(
                f"{name}: {CORES} processes, programs of {STACK}", RUNS * 60 / min(own for _, own in took), "runs/min"
            )
            figure(f"{name}: the ratio", statistics.median(slow / own for slow, own in took), "×", at_least=6)


def by_batch(data_store: Store) -> None:
    """Print the gain of a stack over trainings one after another, on one thread and without metrics."""
    digits = training(data_store, "sgd").data
    numbers = torch.Generator().manual_seed(0)
    inputs, targets = torch.randn(400, 16, generator=numbers), torch.randint(10, (400,), generator=numbers)
    parts: dict[Part, Tensor] = {"train": torch.arange(300), "validation": torch.arange(300, 400)}
    table = Data(inputs, targets, parts, Affine(), Affine()).on(CPU)
    for name, units, data in (("784-64-10", 64, digits), ("16-32-10", 32, table)):
        data.prepare_all()
        for batch in (4, 16, 64):
            layers = [*training(data_store, "sgd").recipe.layers]
            layers = [replace(layer, units=units) if layer.width == 64 else layer for layer in layers]  # type: ignore[type-var]
            recipe = Recipe(layers, tuple(data.inputs.shape[1:]), CrossEntropy(), SGD(), batch, Stop(), seed=0)
            lone = Training(recipe, data, CPU)
            lone.measure, lone.criteria = lambda *_, **__: {}, []  # type: ignore[method-assign]
            ensemble = Ensemble(STACK)
            for member in members(data, recipe, STACK, with_metrics=False):
                member.criteria = []
                ensemble.join(member)
            steps = lone.steps()
            alone = partial(_several, steps)
            compare(f"{name}, batch {batch}: a stack of {STACK} : one after another", alone, ensemble.step)


def _several(steps: Iterator[Step]) -> None:
    """As many steps as a stack takes at once."""
    for _ in range(STACK):
        next(steps)


def seconds(workers: int, runs: int, **settings: object) -> float:
    """Seconds of runs in a service with these settings, from the first request to the end of the last one, when each
    worker has trained a run before."""
    with home():
        os.environ |= {f"ANTIGRAD_{name.upper()}": str(value) for name, value in settings.items()}
        with server(["-m", "app.cli.main", "serve", "--port", "{port}", "--workers", str(workers)]) as client:
            while len(client.get("/workers").json()["items"]) < workers:
                time.sleep(0.05)
            trained(client, workers, epochs=5)
            time.sleep(QUIET_SECONDS)  # each forks its next child
            found = trained(client, runs, SERVICE_EPOCHS)
            begun = min(datetime.fromisoformat(run["created_at"]) for run in found)
            return (max(datetime.fromisoformat(run["finished_at"]) for run in found) - begun).total_seconds()


def trained(client: httpx.Client, runs: int, epochs: int) -> list[dict[str, Any]]:
    """Train so many runs; returns them."""
    request = REQUEST | {"optimizer": OPTIMIZERS["sgd"], "stop": {"max_epochs": epochs}}
    queued = [client.post("/runs", json=request | {"seed": seed}).json()["id"] for seed in range(runs)]
    found = [ended(client, run) for run in queued]
    assert {run["status"] for run in found} == {"succeeded"}
    return found


def services(data_store: Store) -> None:
    """Whole services against eager PyTorch, which records nothing."""
    data = training(data_store, "sgd").data
    slow = statistics.median(eager(data, "sgd", SERVICE_EPOCHS, with_metrics=True) for _ in range(ROUNDS)) * RUNS
    stacked, alone = (seconds(1, RUNS, stack_size=size) for size in (STACK, 1))
    figure("a service: eager, one after another", RUNS * 60 / slow, "runs/min")
    figure("a service with programs of several runs : eager", slow / stacked, "×")
    figure("a service without them : eager", slow / alone, "×")


def several_workers() -> None:
    """Runs a minute of eight workers on Postgres against those of one, with one thread and one run each."""
    postgres = Postgres()
    rates = []
    for workers, runs in ((1, 8), (8, 32)):
        alone = {"threads": 1, "stack_size": 1, "database_url": postgres.new_database()}
        rates.append(runs / seconds(workers, runs, **alone))
    postgres.close()
    target = 0.9 * CORES
    bare = [
        stacks("sgd", with_metrics=True, processes=processes, runs=SERVICE_EPOCHS // EPOCHS, capacity=1)
        for processes in (1, 8)
    ]
    figure("eight bare processes, one thread each : one", 8 * bare[0] / bare[1], "×")
    figure("eight workers on Postgres, one thread each : one", rates[1] / rates[0], "×", at_least=target)


def main() -> None:
    torch.set_flush_denormal(True)
    torch.set_num_threads(1)
    with store() as data_store:
        core(data_store)
        by_batch(data_store)
        services(data_store)
    several_workers()


if __name__ == "__main__":
    share(sys.argv[1], sys.argv[2] == "1", int(sys.argv[3]), int(sys.argv[4]))
