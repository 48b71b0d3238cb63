from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import pytest
import torch

from app.ops.builtin_datasets import install_builtin
from app.runs.requests import RunRequest
from app.runs.resolution import resolve
from app.settings import Settings
from app.storage import datasets, migrate, runs
from app.storage.database import Database, database_now
from app.storage.files import LocalFiles
from app.storage.queue.run_claims import run_claims
from tests.worker.locked import locked_for, no_waiting
from worker.protocol import PAUSE
from worker.training_job import Attempt


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_worker_that_emulates_bfloat16_says_so_once_on_the_run(precision: str, settings: Settings) -> None:
    settings.home.mkdir(parents=True)
    database, files = Database(settings.database), LocalFiles(settings.files)
    migrate.upgrade(database)
    install_builtin(database, files)
    known = {"code": "known_before", "pointer": "", "detail": "", "fix": ""}
    wanted = {"dataset": "digits", "precision": precision, "stop": {"max_steps": 3}, "device": "cpu"}
    with database.write() as db:
        request, _ = resolve(RunRequest.model_validate(wanted), datasets.get_for_share(db, "digits"), files)
        run = runs.create(db, request=request, task="classification", environment={}, warnings=[known]).id
    processor = torch.cpu.get_capabilities() | {"architecture": "x86_64", "avx512_bf16": False, "amx_bf16": False}
    for attempt, order in ((1, PAUSE), (2, None)):
        with database.write() as db:
            if attempt == 2:
                runs.get(db, run).status = "queued"
        with database.write() as db:
            run_claims.claim(db, "worker", database_now(), 3600)
        job: dict[str, Any] = {
            "id": run,
            "attempt": attempt,
            "threads": 1,
            "flush_seconds": 0,
            "checkpoint_seconds": 60,
        }
        with patch.object(torch.cpu, "get_capabilities", return_value=processor):
            Attempt(job, database, files).train(SimpleNamespace(wanted=order))  # type: ignore[arg-type]
        with database.read() as db:
            codes = [warning["code"] for warning in runs.get(db, run).warnings or []]
            assert codes == ["known_before"] + ["bfloat16_emulated"] * (precision == "bf16")
    with database.read() as db:
        assert runs.get(db, run).status == "succeeded"
    torch.set_flush_denormal(False)
    database.close()


def test_a_run_begins_once_the_database_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    no_waiting(monkeypatch)
    database, files = Database(f"sqlite:///{tmp_path}/antigrad.db"), LocalFiles(tmp_path / "files")
    migrate.upgrade(database)
    install_builtin(database, files)
    wanted = {"dataset": "digits", "stop": {"max_steps": 1}, "device": "cpu"}
    with database.write() as db:
        request, _ = resolve(RunRequest.model_validate(wanted), datasets.get_for_share(db, "digits"), files)
        run = runs.create(db, request=request, task="classification", environment={}, warnings=[]).id
        run_claims.claim(db, "worker", database_now(), 3600)
    job: dict[str, Any] = {"id": run, "attempt": 1, "threads": 1, "flush_seconds": 0, "checkpoint_seconds": 60}
    with locked_for(tmp_path / "antigrad.db", tries=2) as warnings:
        Attempt(job, database, files).train(SimpleNamespace(wanted=None))  # type: ignore[arg-type]
    assert len(warnings) == 2
    with database.read() as db:
        assert runs.get(db, run).status == "succeeded"
    torch.set_flush_denormal(False)
    database.close()
