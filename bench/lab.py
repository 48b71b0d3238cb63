"""A laboratory for benchmarks: trains recipes with the worker's code, also on synthetic datasets."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_digits, make_friedman1

from app.datasets.arrays import Arrays
from app.insight.diagnosis.facts import Facts
from app.insight.experiments import observe
from app.insight.experiments.experiment import Experiment, Seen
from app.learning.presets import under
from app.runs.facts import facts_of
from app.runs.repetition import apply_fix
from app.runs.requests import RunRequest
from app.runs.resolution import resolve
from app.storage import datasets, runs
from app.storage.database import Database, database_now
from app.storage.queue.run_claims import run_claims
from app.storage.tables import Dataset
from bench.store import Store, store
from worker.training_job import Attempt


def table(inputs: NDArray[np.floating[Any]], targets: NDArray[np.generic], classes: int = 0) -> Arrays:
    names = tuple(f"x{column}" for column in range(inputs.shape[1]))
    kind: Any = np.int64 if classes else np.float32
    return Arrays(inputs.astype(np.float32), targets.astype(kind), tuple(map(str, range(classes))), names)


def blobs(seed: int, classes: int = 6, columns: int = 12, apart: float = 1.0, each: int = 250) -> Arrays:
    """Classes that overlap a little."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), each)
    return table(random.normal(0, apart, (classes, columns))[labels] + random.normal(0, 1, (len(labels), columns)),
                 labels, classes)  # fmt: skip


def rings(seed: int, classes: int = 3, each: int = 400) -> Arrays:
    """Concentric rings, which no linear layer separates."""
    random = np.random.default_rng(seed)
    labels = np.repeat(np.arange(classes), each)
    angle, radius = random.uniform(0, 2 * np.pi, len(labels)), 1 + labels + random.normal(0, 0.15, len(labels))
    return table(np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1), labels, classes)


def friedman(seed: int, examples: int = 1500) -> Arrays:
    """A smooth function of five of ten columns, with noise (Friedman 1991)."""
    return table(*make_friedman1(examples, noise=1.0, random_state=seed))


def uneven(seed: int, rare: int = 40, often: int = 1600, apart: float = 0.7) -> Arrays:
    """Two classes that overlap, one of them rare."""
    random = np.random.default_rng(seed)
    labels = np.repeat([0, 1], [often, rare])
    return table(random.normal(0, 1, (len(labels), 6)) + apart * labels[:, None], labels, 2)


def unscaled(seed: int) -> Arrays:
    """The blobs with columns on very different scales, as with metres, years and dollars."""
    plain = blobs(seed)
    scales = 10.0 ** np.random.default_rng(seed).permutation(np.linspace(-1, 4, plain.inputs.shape[1]))
    return table(plain.inputs * scales + 3 * scales, plain.targets, len(plain.classes))


def noise(seed: int, classes: int = 4, examples: int = 1500) -> Arrays:
    """Labels that are independent of the inputs."""
    random = np.random.default_rng(seed)
    return table(random.normal(0, 1, (examples, 10)), random.integers(0, classes, examples), classes)


def twins(seed: int) -> Arrays:
    """Six classes, two of which almost coincide."""
    plain = blobs(seed, apart=2.0)
    random = np.random.default_rng(seed)
    inputs = plain.inputs.copy()
    inputs[plain.targets == 5] = inputs[plain.targets == 4] + random.normal(0, 0.3, (250, inputs.shape[1])) + 0.1
    return table(inputs, plain.targets, 6)


def few(seed: int, each: int = 12) -> Arrays:
    """A few noisy digits: a network memorises them and does not generalise."""
    digits, random = load_digits(), np.random.default_rng(seed)
    chosen = np.concatenate([random.permutation(np.flatnonzero(digits.target == c))[:each] for c in range(10)])
    noisy = digits.data[chosen] + random.normal(0, 6, (len(chosen), 64))
    return table(noisy, digits.target[chosen], 10)


def blank(seed: int, each: int = 100) -> Arrays:
    """White pictures, as white drawings on transparency become on a white ground."""
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(3), each))
    return Arrays(np.full((3 * each, 1, 8, 8), 255, np.uint8), labels, ("0", "1", "2"))


def bars(seed: int, each: int = 60, side: int = 20) -> Arrays:
    """Faint vertical and horizontal bars anywhere in noise."""
    random = np.random.default_rng(seed)
    pictures = random.integers(0, 120, (2 * each, 1, side, side), np.uint8)
    for number, place in enumerate(random.integers(0, side - 1, 2 * each)):
        picture = pictures[number, 0] if number < each else pictures[number, 0].T
        picture[:, place : place + 2] += 100
    return Arrays(pictures, np.repeat(np.arange(2), each), ("horizontal", "vertical"))


def copied(seed: int) -> Arrays:
    """Blobs with own parts, of whose test part a third is in the training part as well."""
    plain, random = blobs(seed, apart=2.0), np.random.default_rng(seed)
    order = random.permutation(len(plain.targets))
    test, train = order[:300], order[300:]
    inputs, targets, parts = plain.inputs.copy(), plain.targets.copy(), np.zeros(len(order), np.uint8)
    inputs[test[:100]], targets[test[:100]], parts[test] = inputs[train[:100]], targets[train[:100]], 2
    return replace(plain, inputs=inputs, targets=targets, parts=parts)


def coarse(seed: int) -> Arrays:
    """Rows of few values, many of which are equal by chance."""
    plain = blobs(seed, columns=4, apart=3.0)
    return replace(plain, inputs=np.round(plain.inputs).astype(np.float32))


KINDS = (blobs, rings, friedman, uneven, unscaled, noise, twins, few, blank, bars, copied, coarse)
MADE = {made.__name__: made for made in KINDS}


class Lab:
    """A store with synthetic datasets, which recipes name by kind and seed, such as `blobs:3`."""

    def __init__(self, data_store: Store) -> None:
        self.store = data_store

    def train(self, request: dict[str, Any], fault: str | None = None) -> Facts:
        """Train like a worker's child process; returns the facts about the run."""
        self._bring(request["dataset"])
        database, files = self.store.database, self.store.files
        body = RunRequest.model_validate(request | {"device": "cpu"})
        with database.read() as db:
            dataset = datasets.get(db, body.dataset)
        resolved, warnings = resolve(body, dataset, files)
        with database.write() as db:
            task = dataset.about["task"]
            runs.create(db, request=resolved, task=task, environment={}, warnings=warnings, fault=fault)
        return self._worked_off()

    def fixed(self, facts: Facts) -> Facts:
        """Train again, or on, with the change of the first finding. Raises Conflict if it has none."""
        apply_fix(self.store.database, self.store.files, facts.run, {}, None)
        return self._worked_off()

    def _worked_off(self) -> Facts:
        """The facts about the run that waits, after training it."""
        database, files = self.store.database, self.store.files
        with database.write() as db:
            run = run_claims.claim(db, "lab", database_now(), 3600)
            assert run is not None
            job = {"id": run.id, "attempt": run.attempt, "threads": 1, "flush_seconds": 0.5, "checkpoint_seconds": 3600}
        own = Database(database.url)
        Attempt(job, own, files).train(SimpleNamespace(wanted=None))  # type: ignore[arg-type]
        own.close()
        with database.read() as db:
            return facts_of(runs.get(db, str(job["id"])), database, files)

    def seen(self, experiment: Experiment, seed: int, **changes: Any) -> tuple[Seen, dict[str, Facts]]:
        """Run an experiment with one seed and with `changes` to its trials; returns the observations and the runs."""
        facts = {
            name: self.train(under(trial.request, changes) | {"seed": seed + trial.seed_apart}, trial.fault)
            for name, trial in experiment.trials.items()
        }
        return observe(experiment, seed, facts), facts

    def _bring(self, name: str) -> None:
        made, _, seed = name.partition(":")
        if made not in MADE:
            return
        with self.store.database.read() as db:
            missing = db.get(Dataset, name) is None
        if missing:
            self.add(name, MADE[made](int(seed)))

    def add(self, name: str, arrays: Arrays) -> None:
        """Store a dataset under a new name."""
        arrays.save(self.store.files, f"datasets/{name}")
        row = {"id": name, "name": name, "status": "ready", "about": arrays.about(), "skipped": [],
               "folder": f"datasets/{name}"}  # fmt: skip
        with self.store.database.write() as db:
            db.add(Dataset(**row, attempt=0, deaths=0, created_at=0.0))


@contextmanager
def lab() -> Iterator[Lab]:
    """A laboratory in a folder that is deleted afterwards."""
    with store() as data_store:
        try:
            yield Lab(data_store)
        finally:
            torch.set_flush_denormal(False)  # an attempt turns it on for its process, which is this one here
