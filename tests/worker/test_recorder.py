"""Recording: each point once, also by the attempts after one that lost its lease, and a complete pyramid."""

from collections.abc import Iterator
from typing import Any
from unittest.mock import patch

import pytest
import torch
from sqlalchemy import select

from app.ops.builtin_datasets import install_builtin
from app.runs.requests import RunRequest
from app.runs.resolution import resolve
from app.settings import Settings
from app.storage import curves, datasets, migrate, pyramid, runs
from app.storage.database import Database, database_now
from app.storage.files import LocalFiles
from app.storage.queue.claims import LeaseLost
from app.storage.queue.run_claims import run_claims
from app.storage.series import join
from app.storage.tables import CurveBlock
from tests.support.rows import insert_run
from worker.training_job import Attempt

pytestmark = pytest.mark.sql

STEPS = 40
SMALL = {"LEVELS": range(1, 5, 2), "BLOCK": 1}  # blocks of 4 and 16 steps


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    settings.home.mkdir(parents=True)
    database = Database(settings.database)
    migrate.upgrade(database)
    yield database
    database.close()
    torch.set_flush_denormal(False)  # a training turns denormal numbers off for its process


class LosesLease:
    """Orders of an attempt that loses its lease after so many steps."""

    def __init__(self, after: int) -> None:
        self.left = after

    @property
    def wanted(self) -> None:
        self.left -= 1
        if self.left == 0:
            raise LeaseLost


def blocks(database: Database, run: str) -> dict[tuple[str, int, int], tuple[bytes, ...]]:
    key = CurveBlock.series, CurveBlock.level, CurveBlock.block
    query = select(*key, CurveBlock.steps, CurveBlock.values, CurveBlock.stands_for).where(CurveBlock.run == run)
    with database.read() as db:
        return {(series, level, block): tuple(packed) for series, level, block, *packed in db.execute(query)}


def test_attempts_that_follow_one_another_record_one_curve_and_its_whole_pyramid(
    database: Database, settings: Settings
) -> None:
    files = LocalFiles(settings.files)
    install_builtin(database, files)
    with database.write() as db:
        wanted = RunRequest.model_validate({"dataset": "digits", "stop": {"max_steps": STEPS}, "device": "cpu"})
        request, _ = resolve(wanted, datasets.get_for_share(db, "digits"), files)
        run = runs.create(db, request=request, task="classification", environment={}, warnings=[]).id
    with patch.multiple(pyramid, **SMALL):
        for attempt, steps in ((1, 11), (2, 25), (3, 10**6)):
            with database.write() as db:
                run_claims.claim(db, "worker", database_now(), 0 if attempt < 3 else 3600)
            job: dict[str, Any] = {"id": run, "attempt": attempt, "threads": 1}
            job |= {"flush_seconds": 0 if attempt < 3 else 1e9, "checkpoint_seconds": 1e9}
            try:
                Attempt(job, database, files).train(LosesLease(steps))  # type: ignore[arg-type]
            except LeaseLost:
                assert attempt < 3
        with database.read() as db:
            series = curves.last_steps(db, run)
        assert series["train.loss"] == STEPS and "validation.accuracy" in series
        with database.write() as db:
            insert_run(db, "run_old")
            for name in series:
                points = join(curves.pages(database.read, run, name))
                curves.append(db, "run_old", {name: (points.steps.tolist(), points.values.tolist())})
        for name in series:
            pyramid.thinned(database, "run_old", name, 2)
        assert blocks(database, run) == blocks(database, "run_old")
    assert join(curves.pages(database.read, run, "train.loss")).steps.tolist() == list(range(1, STEPS + 1))
