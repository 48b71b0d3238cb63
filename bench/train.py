"""MLP 784-256-10, Adam, batch 128, on notmnist: the trainer against a plain loop with `DataLoader` and `optim.Adam`.

Targets: at least 2 × the samples/s, with all recording; both measure the training and validation parts after each
epoch. Recording takes at most 2% of the time, and sampling of the layers at most another 2%. Both are shares of the
child's time, since separate runs differ by more than that.

Also printed: the steps as a share of the limit set by their matrix products (`products`), the gain of each strategy of
the fast path (`strategies`), the steps without metrics, and the recording trainer against a plain loop without metrics.
"""

import os
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import torch
import torch.nn.functional as F
from torch.utils.data import DataLoader, TensorDataset

from app.learning.training import Step, Training
from app.storage import runs
from app.storage.database import Database, database_now
from app.storage.files import Files
from app.storage.queue.run_claims import run_claims
from bench import products, strategies
from bench.report import figure
from bench.store import Store, store
from worker import job_setup
from worker.checkpoints import Checkpoints
from worker.prefork.warmup import warm_up
from worker.recorder import Recorder
from worker.training_job import Attempt

ROUNDS, EPOCHS = 7, 20  # the default number of epochs
CPU = torch.device("cpu")
THREADS = os.cpu_count() or 1


class Clocked(Training):
    """A training that records its start time and the seconds spent in its steps."""

    last: "Clocked"
    with_metrics = True

    def steps(self) -> Iterator[Step]:
        Clocked.last = self
        self.learning, self.begun = 0.0, time.perf_counter()
        resumed = self.begun
        for step in super().steps():
            self.learning += time.perf_counter() - resumed
            yield step
            resumed = time.perf_counter()

    def measure(self, *parts: Any) -> Any:
        return super().measure(*parts) if self.with_metrics else {}


def bare(request: dict[str, Any], data_store: Store, with_metrics: bool = True) -> float:
    """Seconds of the trainer without storage."""
    training = data_store.training(request, CPU)
    training.with_metrics = with_metrics  # type: ignore[attr-defined]
    for _ in training.steps():
        pass
    return time.perf_counter() - Clocked.last.begun


@dataclass
class Child:
    """Seconds of the trainer in a child process, and the shares of recording and of sampling."""

    seconds: float
    recording: float
    sampling: float


def recorded(request: dict[str, Any], database: Database, files: Files) -> Child:
    """Run the trainer with points, samples, progress and a checkpoint in a real database."""
    with database.write() as db:
        run = runs.create(db, request=request, task="classification", environment={}, warnings=[]).id
    with database.write() as db:
        run_claims.claim(db, "bench", database_now(), 3600)
    job = {"id": run, "attempt": 1, "threads": THREADS, "flush_seconds": 0.5, "checkpoint_seconds": 5}
    own = Database(database.url)
    warm_up(job, own)  # as each child does
    attempt = Attempt(job, own, files)
    sampled, sample, measuring = 0.0, Recorder.sample, 0.0

    def clocked(recorder: Recorder, last: bool = False) -> None:
        nonlocal sampled
        begun = time.perf_counter()
        sample(recorder, last)
        sampled += time.perf_counter() - begun

    def finish(checkpoints: Checkpoints, recorder: Recorder) -> None:
        """Write the last checkpoint during an evaluation, which belongs to the result and not to recording."""
        nonlocal measuring
        attempt._save(checkpoints, recorder)
        begun = time.perf_counter()
        checkpoints.training.measure("train", "validation", "test")
        measuring = time.perf_counter() - begun
        attempt._name(checkpoints, recorder)

    with patch.object(attempt, "_finish", finish), patch.object(Recorder, "sample", clocked):
        attempt.train(SimpleNamespace(wanted=None))  # type: ignore[arg-type]
    took = time.perf_counter() - Clocked.last.begun - measuring
    attempt.database.close()
    return Child(took, 1 - (Clocked.last.learning + sampled) / took, sampled / took)


def plain(data: Any, with_metrics: bool) -> float:
    """Seconds of a plain PyTorch loop."""
    parts = {name: TensorDataset(*data.batch(data.parts[name], CPU)) for name in ("train", "validation")}
    model = torch.nn.Sequential(
        torch.nn.Flatten(), torch.nn.Linear(784, 256), torch.nn.ReLU(), torch.nn.Linear(256, 10)
    )
    optimizer = torch.optim.Adam(model.parameters())
    begun = time.perf_counter()
    for _ in range(EPOCHS):
        for inputs, targets in DataLoader(parts["train"], batch_size=128, shuffle=True):
            optimizer.zero_grad()
            F.cross_entropy(model(inputs), targets).backward()
            optimizer.step()
        if with_metrics:
            with torch.no_grad():
                for part in parts.values():
                    for inputs, targets in DataLoader(part, batch_size=128):
                        outputs = model(inputs)
                        F.cross_entropy(outputs, targets).item(), (outputs.argmax(1) == targets).sum().item()
    return time.perf_counter() - begun


def main() -> None:
    torch.set_flush_denormal(True)  # as the worker's children do
    torch.set_num_threads(THREADS)
    with store() as data_store:
        products.shares(data_store)
        strategies.gains(data_store)
    with store() as data_store, patch.object(job_setup, "training_of", lambda _: Clocked):
        database, files = data_store.database, data_store.files
        request = data_store.resolved({"dataset": "notmnist", "stop": {"max_epochs": EPOCHS}, "device": "cpu"})
        data = data_store.training(request, CPU).data
        rivals: dict[str, Callable[[], float]] = {
            "plain, steps alone": lambda: plain(data, with_metrics=False),
            "trainer, steps alone": lambda: bare(request, data_store, with_metrics=False),
            "plain": lambda: plain(data, with_metrics=True),
            "trainer": lambda: bare(request, data_store),
        }
        took: dict[str, list[float]] = {name: [] for name in [*rivals, "trainer, recording"]}
        children = []
        for _ in range(ROUNDS):
            for name, rival in rivals.items():
                took[name].append(rival())
            children.append(recorded(request, database, files))
            took["trainer, recording"].append(children[-1].seconds)

    def ratio(slower: str, faster: str) -> float:
        return statistics.median(a / b for a, b in zip(took[slower], took[faster], strict=True))

    for name, seconds in took.items():
        figure(name, EPOCHS * len(data.parts["train"]) / statistics.median(seconds), "samples/s")
    figure("the recording trainer : plain, the same metrics", ratio("plain", "trainer, recording"), "×", at_least=2)
    figure("trainer : plain, steps alone", ratio("plain, steps alone", "trainer, steps alone"), "×")
    figure("the recording trainer : plain without metrics", ratio("plain, steps alone", "trainer, recording"), "×")
    figure("the recording trainer : trainer", ratio("trainer, recording", "trainer"), "×")
    for what in ("recording", "sampling"):
        share = statistics.median(getattr(child, what) for child in children)
        figure(f"{what}, share of the child's time", 100 * share, "%", at_most=2)
