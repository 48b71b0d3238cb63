"""Sweeps without training: runs end at once, with a value that a function gives."""

from collections.abc import Callable
from typing import Any

from fastapi.testclient import TestClient
from sqlalchemy import select, update

from app.constants import RUNG, RunStatus
from app.runs.sweeps.advance import TestResult, advance
from app.storage.database import Database, database_now
from app.storage.files import Files
from app.storage.queue.sweep_claims import sweep_claims
from app.storage.tables import Run, SweepRun
from tests.support.services import Service

Value = Callable[[dict[str, Any], int], float | str]  # of a resolved request after so many epochs

BASE: dict[str, Any] = {
    "dataset": "digits",
    "model": {"layers": [{"type": "linear", "units": 8}]},
    "batch_size": 64,
    "stop": {"max_epochs": 9},
    "device": "cpu",
}


def post_sweep(client: TestClient, **body: Any) -> str:
    answer = client.post("/sweeps", json={"base": BASE} | body)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def tested(_: str) -> TestResult:
    """The test part of any run."""
    return TestResult({"accuracy": 0.5}, {"part": "test", "examples": 1})


def claim_and_advance(database: Database, files: Files, worker: str = "worker") -> bool:
    """Advance the sweep that is next; False if there is none."""
    with database.write() as db:
        sweep = sweep_claims.claim(db, worker, database_now(), 30)
    if sweep is None:
        return False
    advance(database, files, sweep.id, sweep.attempt, tested)
    return True


def end_runs(database: Database, sweep: str, value: Value, most: int = 10**6) -> int:
    """Let queued runs of a sweep reach their rung or their end; a text as value is a divergence. Returns how many."""
    with database.write() as db:
        queued = select(Run).join(SweepRun, SweepRun.run == Run.id).where(SweepRun.sweep == sweep)
        found = list(db.scalars(queued.where(Run.status == RunStatus.QUEUED).order_by(Run.id).limit(most)))
        for run in found:
            _end(db, run, value)
        return len(found)


def _end(db: Any, run: Run, value: Value) -> None:
    epochs = run.pause_epoch or run.request["stop"]["max_epochs"]
    reached = value(run.request, epochs)
    state: dict[str, Any] = {"status": RunStatus.SUCCEEDED, "stop_reason": "max_epochs", "finished_at": database_now()}
    if run.pause_epoch is not None:
        state = {"status": RunStatus.PAUSED, "stop_reason": RUNG}
    if isinstance(reached, str):
        state = {"status": RunStatus.FAILED, "stop_reason": "diverged", "finished_at": database_now()}
    metrics = {"validation": {"accuracy": reached, "loss": reached}}
    progress = {"step": 10 * epochs, "epoch": epochs}
    db.execute(update(Run).where(Run.id == run.id).values(metrics=metrics, progress=progress, **state))


def finish(service: Service, sweep: str, value: Value, at_once: int = 10**6) -> dict[str, Any]:
    """Advance a sweep to its end, a few runs at a time; returns the answer about it."""
    while True:
        while claim_and_advance(service.database, service.files):
            pass
        if end_runs(service.database, sweep, value, at_once) == 0:
            answer: dict[str, Any] = service.client.get(f"/sweeps/{sweep}").json()
            return answer
