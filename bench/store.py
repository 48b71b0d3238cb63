"""A temporary database and file store for benchmarks, with the built-in datasets."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from app.learning.training import Step, Training
from app.ops.builtin_datasets import install_builtin
from app.runs.requests import RunRequest
from app.runs.resolution import resolve
from app.storage import datasets, migrate
from app.storage.database import Database
from app.storage.datasets import built_in
from app.storage.files import Files, LocalFiles
from bench.service import home
from worker import job_setup


@dataclass(frozen=True)
class Store:
    """A database and its files; resolves requests and builds trainings."""

    folder: Path
    database: Database
    files: Files

    def resolved(self, request: dict[str, Any]) -> dict[str, Any]:
        """The resolved request."""
        body = RunRequest.model_validate(request)
        with self.database.read() as db:
            return resolve(body, datasets.get(db, body.dataset), self.files)[0]

    def training(self, request: dict[str, Any], device: torch.device) -> Training:
        """The training of a resolved request on a built-in dataset."""
        return job_setup.prepare(request, built_in(request["dataset"]), self.files, device)[0]

    def stepping(self, request: dict[str, Any], device: torch.device) -> Callable[[], Step]:
        """A function that does the training's next step, without metrics and without an end."""
        training = self.training(self.resolved(request), device)
        training.measure = lambda *_: {}  # type: ignore[method-assign]
        training.criteria = []
        steps = training.steps()
        return lambda: next(steps)


@contextmanager
def store() -> Iterator[Store]:
    """A store in a folder that is deleted afterwards."""
    with home() as folder:
        database, files = Database(f"sqlite:///{folder}/bench.db"), LocalFiles(folder / "files")
        migrate.upgrade(database)
        install_builtin(database, files)
        yield Store(folder, database, files)
        database.close()
