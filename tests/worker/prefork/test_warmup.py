"""The fork server and the warm-up of a child import all that a run imports."""

import json
import subprocess
import sys

import pytest

from app.settings import Settings
from tests.support.services import Service

DATASETS = ("digits", "diabetes")  # pictures and a table
RUN = """
import json, os, sys
from pathlib import Path
from app.storage.database import Database, database_now
from app.storage.files import open_files
from app.storage.queue.run_claims import run_claims
from worker import training_job
from worker.prefork import server, warmup

settings = json.loads(sys.argv[1])
server.warm_up(settings)
database, files = Database(settings["database"]), open_files("", Path(settings["home"]))
warmup.warm_up(settings, database)
before = set(sys.modules)
for _ in range(2):
    with database.write() as db:
        run = run_claims.claim(db, "worker", database_now(), 3600)
    commands, _ = os.pipe()
    job = settings | {"kind": "train", "key": "", "id": run.id, "attempt": run.attempt}
    training_job.main(job, database, files, commands)
print(json.dumps(sorted(set(sys.modules) - before)))
"""


@pytest.mark.long
def test_a_warm_child_runs_without_a_single_import(service: Service, settings: Settings) -> None:
    body = {"device": "cpu", "stop": {"max_epochs": 2}}
    asked = [service.client.post("/runs", json=body | {"dataset": name}).json()["id"] for name in DATASETS]
    common = {
        "database": settings.database,
        "files_url": "",
        "home": str(settings.home),
        "threads": 1,
        "lease_seconds": 3600,
        "flush_seconds": 0.1,
        "checkpoint_seconds": 0.1,
    }
    process = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps(common)], capture_output=True, text=True, check=True, timeout=200
    )
    assert {service.client.get(f"/runs/{run}").json()["status"] for run in asked} == {"succeeded"}
    assert json.loads(process.stdout.splitlines()[-1]) == []
