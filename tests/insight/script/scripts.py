"""A run and its script: both are made from one request and run to their end."""

import os
import re
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import torch
from ruff import find_ruff_bin

from app.datasets.arrays import Arrays
from app.insight.script import ScriptSpec, script
from app.runs.requests import RunRequest
from app.runs.resolution import resolve
from app.storage.datasets import built_in
from app.storage.files import LocalFiles
from app.storage.tables import Dataset
from worker.job_setup import prepare

CPU = torch.device("cpu")
FIGURE = re.compile(r"(\w+) (-?[\d.]+|nan|inf)")


@dataclass(frozen=True)
class Examples:
    """Datasets in a folder, by name, each also as .npz."""

    folder: Path

    def add(self, name: str, arrays: Arrays) -> None:
        arrays.save(LocalFiles(self.folder), f"datasets/{name}")
        with (self.folder / f"{name}.npz").open("wb") as file:
            arrays.export(file)

    def arrays(self, name: str) -> Arrays:
        return Arrays.load(LocalFiles(self.folder), f"datasets/{name}")


@dataclass(frozen=True)
class Outcome:
    """The results of a run or of its script."""

    losses: list[float]
    metrics: dict[str, dict[str, float]]


@dataclass(frozen=True)
class Pair:
    """The outcomes of a run and of its script; `text` is the script."""

    text: str
    run: Outcome
    script: Outcome
    stop_reason: str | None
    nudged: Callable[[], list[float]]
    """The losses of the same run whose first weights differ in their last bits."""


def side_by_side(examples: Examples, request: dict[str, Any], *, play: bool = True, **known: Any) -> Pair:
    """Train the request like a worker, write its script (`known` replaces facts of the run), and run the script too."""
    files, arrays = LocalFiles(examples.folder), examples.arrays(request["dataset"])
    name = request["dataset"]
    dataset = Dataset(id=name, name=name, status="ready", about=arrays.about(), folder=f"datasets/{name}")
    resolved, _ = resolve(RunRequest.model_validate(request), dataset, files)
    with no_denormals():
        training, _ = prepare(resolved, built_in(resolved["dataset"]), files, CPU)
        losses = [step.loss for step in training.steps()]
        metrics = training.measure("train", "validation", "test", model=training.served()[0])
    about: dict[str, Any] = {
        "id": "run_1",
        "name": resolved["name"],
        "request": resolved,
        "environment": {"threads": torch.get_num_threads(), "torch": torch.__version__},
        "dataset_name": request["dataset"],
        "data_address": f"/datasets/{request['dataset']}/export.npz",
        "data_advice": f"download /datasets/{request['dataset']}/export.npz",
        "shape": arrays.shape,
        "missing": arrays.missing(),
        "own_parts": tuple(arrays.own_split) if resolved["split"]["own"] else (),
        "device": "cpu",
        "stop_reason": training.stop_reason,
        "step": training.step,
    }
    text = script(ScriptSpec(**about | known))
    seen = Outcome(losses, dict(metrics))  # type: ignore[arg-type]
    script_seen = played(text, examples.folder) if play else seen
    return Pair(text, seen, script_seen, training.stop_reason, lambda: losses_of_nudged(resolved, files))


def losses_of_nudged(resolved: dict[str, Any], files: LocalFiles) -> list[float]:
    with no_denormals(), torch.no_grad():
        training, _ = prepare(resolved, built_in(resolved["dataset"]), files, CPU)
        for parameter in training.model.parameters():
            parameter.mul_(1 + 2**-22)
    with no_denormals():
        return [step.loss for step in training.steps()]


@contextmanager
def no_denormals() -> Iterator[None]:
    """Flush denormal numbers to zero, as a worker does."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def played(text: str, folder: Path) -> Outcome:
    """Run a script in a folder; returns its losses and the figures that it prints."""
    printed, namespace = StringIO(), {"__name__": "__main__"}
    with inside(folder), redirect_stdout(printed):
        exec(compile(text, "train.py", "exec"), namespace)
    parts = dict(line.split(":", 1) for line in printed.getvalue().splitlines()[1:] if ": loss" in line)
    metrics = {part: {name: float(value) for name, value in FIGURE.findall(row)} for part, row in parts.items()}
    return Outcome(namespace["losses"], metrics)  # type: ignore[arg-type]


@contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Change to this folder, with plots that are not shown."""
    before, shown = Path.cwd(), plt.show
    os.chdir(folder)
    plt.switch_backend("agg")
    plt.show = plt.close  # type: ignore[assignment]
    try:
        yield
    finally:
        plt.show = shown
        os.chdir(before)


def assert_alike(pair: Pair) -> None:
    """Compare the first 100 losses to 1e-5 (relative above 1), the steps, and the figures to 0.01 (likewise). Some
    runs amplify differences in the last bits beyond that: RMSProp makes a whole step of a gradient near 0. These
    bits depend on the processor. So a script may differ from its run as much as the run differs from itself after a
    small perturbation."""
    assert len(pair.script.losses) == len(pair.run.losses), pair.stop_reason
    script, run = np.array(pair.script.losses[:100]), np.array(pair.run.losses[:100])
    if not np.allclose(script, run, rtol=1e-5, atol=1e-5):
        nudged = np.array(pair.nudged()[:100])
        assert len(nudged) == len(run), pair.stop_reason
        own = 5 * float(np.max(np.abs(nudged - run)))
        assert own < 1e-2, "a run that says nothing about its script"
        np.testing.assert_allclose(script, run, rtol=1e-5, atol=max(1e-5, own))
    assert pair.script.metrics.keys() == pair.run.metrics.keys()
    for part, found in pair.run.metrics.items():
        for name, value in found.items():
            np.testing.assert_allclose(pair.script.metrics[part][name], value, rtol=0.01, atol=0.01, err_msg=name)


def assert_formatted(text: str) -> None:
    """Ruff with its defaults changes nothing and finds nothing unused."""
    for command in ("format --diff", "check --select E4,E7,E9,F,I"):
        ruff = [find_ruff_bin(), *command.split(), "--isolated", "--stdin-filename", "train.py", "-"]
        done = subprocess.run(ruff, input=text.encode(), capture_output=True, check=False)
        assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
