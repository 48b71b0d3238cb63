"""Drift: inputs of a model that differ from those of its training."""

import numpy as np
import torch

from app.api.deps import SLOW, DatabaseDep, FilesDep, ModelName
from app.api.problems import problems
from app.api.router import Router
from app.api.schemas.drift import DriftAnswer, RunDrift, run_drift
from app.api.scopes import READ
from app.errors import Conflict, Invalid, NotFound
from app.insight.analysis.drift import FEWEST, NEWEST, compare
from app.learning.serialization import from_safetensors
from app.storage import datasets, models, predictions, runs
from app.storage.database import Database
from app.storage.files import Files
from app.storage.packed_inputs import unpack
from app.storage.tables import ModelVersion

router = Router(tags=["models"], responses=problems(Invalid, NotFound))


@router.get(
    "/models/{name}/drift",
    summary="Compare a model's newest inputs with its training",
    responses=problems(Conflict),
    dependencies=[READ, SLOW],
)
def get_drift(name: ModelName, database: DatabaseDep, files: FilesDep) -> DriftAnswer:
    """Compare the newest 100 logged inputs of each run with the training's, and say in words what differs. It needs the
    model's `log`. A mean counts as different at six standard errors: chance does that once in a billion looks."""
    with database.read() as db:
        version = models.history(db, name)[0]
    return DriftAnswer(model=name, runs=[_drift(database, files, version, run) for run in version.shares])


def _drift(database: Database, files: Files, version: ModelVersion, run: str) -> RunDrift:
    with database.read() as db:
        contents = predictions.newest_contents(db, version, run, NEWEST)
        weights = models.weights(db, version)[run]
        names = datasets.feature_names(db, run)
    if weights.weights is None:
        raise Conflict("run_cannot_predict", status=weights.status, phrase=runs.status_phrase(weights.status))
    reference = from_safetensors(files.read(weights.weights)).reference
    if reference is None:
        raise NotFound("no_reference", run=run)
    if not contents:
        return run_drift(run, 0, FEWEST, [])
    inputs = torch.from_numpy(np.stack([unpack(content) for content in contents]).astype(np.float32))
    return run_drift(run, len(contents), FEWEST, compare(reference, inputs, names))
