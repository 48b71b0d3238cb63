"""Checkpoints are written in the background, and have the state of the step at which they were begun."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import pytest
import torch
from sqlalchemy import select

from app.learning.serialization import checkpoint_from_safetensors
from app.learning.training import Checkpoint
from app.ops.builtin_datasets import install_builtin
from app.runs.requests import RunRequest
from app.runs.resolution import resolve
from app.settings import Settings
from app.storage import curves, datasets, migrate, runs
from app.storage.database import Database, database_now
from app.storage.files import LocalFiles
from app.storage.queue.run_claims import run_claims
from app.storage.tables import CurveChunk, Run
from worker import checkpoints, job_setup
from worker.protocol import PAUSE
from worker.training_job import Attempt

STEPS = 40
CPU = torch.device("cpu")


class Slow(LocalFiles):
    """A disk on which the first checkpoint is not written until `go_on`."""

    def __init__(self, settings: Settings) -> None:
        super().__init__(settings.files)
        self.go_on, self.begun = threading.Event(), threading.Event()

    @contextmanager
    def create(self, name: str) -> Iterator[IO[bytes]]:
        with super().create(name) as file:
            yield file
            if "checkpoint-" in name:
                self.begun.set()
                assert self.go_on.wait(30)


class Impatient:
    """Orders that are read once per step: at one step the disk continues, at another one `wanted` is set."""

    def __init__(self, disk: Slow, goes_on: int, wanted: int | None = None) -> None:
        self.disk, self.asked, self.goes_on, self.at = disk, 0, goes_on, wanted

    @property
    def wanted(self) -> bytes | None:
        self.asked += 1
        if self.asked == self.goes_on:
            assert self.disk.begun.wait(30)
            self.disk.go_on.set()
        return PAUSE if self.asked == self.at else None


@pytest.fixture(autouse=True)
def denormal_numbers() -> Iterator[None]:
    """Restore denormal numbers, which a training turns off for its process."""
    yield
    torch.set_flush_denormal(False)


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    settings.home.mkdir(parents=True)
    found = Database(settings.database)
    migrate.upgrade(found)
    yield found
    found.close()


def trained(database: Database, files: Slow, orders: Impatient) -> dict[int, Checkpoint]:
    """A run's checkpoints, by their steps."""
    install_builtin(database, files)
    with database.write() as db:
        wanted = RunRequest.model_validate({"dataset": "digits", "stop": {"max_steps": STEPS}, "device": "cpu"})
        request, _ = resolve(wanted, datasets.get_for_share(db, "digits"), files)
        run = runs.create(db, request=request, task="classification", environment={}, warnings=[]).id
    with database.write() as db:
        run_claims.claim(db, "worker", database_now(), 3600)
    job: dict[str, Any] = {"id": run, "attempt": 1, "threads": 1, "flush_seconds": 0.5, "checkpoint_seconds": 0}
    attempt = Attempt(job, database, files)
    attempt.train(orders)  # type: ignore[arg-type]
    with database.read() as db:
        named = {row.step: checkpoint_from_safetensors(files.read(row.file)) for row in runs.checkpoints(db, run)}
        assert runs.get(db, run).checkpoint == f"runs/{run}/1/checkpoint-{max(named)}.safetensors"
    for step, found in named.items():
        training, _ = job_setup.prepare(request, datasets.built_in("digits"), files, CPU)
        for done in training.steps():
            if done.number == step:
                break
        own = training.checkpoint().tensors
        assert found.position["step"] == step and found.tensors.keys() == own.keys()
        assert all(torch.equal(found.tensors[name], own[name]) for name in own), step
    return named


def test_the_training_goes_on_while_a_checkpoint_is_written(database: Database, settings: Settings) -> None:
    found = trained(database, disk := Slow(settings), Impatient(disk, goes_on=20))
    assert min(found) == 1 and max(found) == STEPS
    assert not set(found) & set(range(2, 21))  # one was still being written


def test_the_size_of_a_run_is_that_of_the_files_and_points_that_are_kept(
    database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoints, "KEPT", 4)
    found = trained(database, disk := Slow(settings), Impatient(disk, goes_on=2))
    assert len(found) <= 4
    with database.read() as db:
        run = db.scalars(select(Run)).one()
        points = sum(len(steps) // 8 for steps in db.scalars(select(CurveChunk.steps)))
    assert run.bytes == disk.size(f"runs/{run.id}") + curves.POINT_BYTES * points


def test_a_pause_waits_for_the_checkpoint_that_is_on_its_way_and_saves_its_own(
    database: Database, settings: Settings
) -> None:
    found = trained(database, disk := Slow(settings), Impatient(disk, goes_on=20, wanted=20))
    assert list(found) == [1, 20]
