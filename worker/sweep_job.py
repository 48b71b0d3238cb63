"""The sweep job of a child process: tells the results of a sweep's runs, and begins what follows from them.

It is a process of its own since Optuna takes memory and time, and since a kill at any moment must leave the sweep as it
was, or one step further.
"""

from typing import Any

import torch

from app.datasets.import_options import ImportOptions
from app.learning.evaluation import evaluate
from app.learning.serialization import from_safetensors
from app.runs.sweeps.advance import TestResult, advance
from app.storage import datasets
from app.storage.database import Database
from app.storage.files import Files
from app.storage.jsonable import jsonable
from app.storage.queue.claims import LeaseLost
from app.storage.runs import served_file
from app.storage.tables import Run
from worker import job_setup
from worker.protocol import Commands
from worker.retry import advance_with_retry


def main(job: dict[str, Any], database: Database, files: Files, orders_descriptor: int) -> None:
    """Advance one sweep. The process obeys no orders, but exits with its worker."""
    Commands(orders_descriptor, job["lease_seconds"])
    torch.set_num_threads(job["threads"])
    id, attempt = job["id"], job["attempt"]
    try:
        advance_with_retry(lambda: advance(database, files, id, attempt, lambda run: test_result(database, files, run)))
    except LeaseLost:
        return


def test_result(database: Database, files: Files, id: str) -> TestResult | None:
    """The results of an ended run on the test part; None if that is empty, or was measured before."""
    with database.read() as db:
        run = db.get_one(Run, id)
        dataset = datasets.get(db, run.dataset)
    folder, reading = dataset.folder, ImportOptions.from_json(dataset.source.get("reading", {}))
    if folder is None or "test" in (run.evaluation or {}):
        return None
    device = job_setup.device("cpu")
    training, prepared = job_setup.prepare(run.request, folder, files, device, reading=reading)
    training.model.load_state_dict(from_safetensors(files.read(served_file(run))).model.state_dict())
    measured = training.measure("test")
    if not measured:
        return None
    evaluated = evaluate(training.model, training.data, "test", training.output_kind, prepared.classes, device)
    return TestResult(jsonable(measured["test"]), jsonable(evaluated))
