"""A run as one plain PyTorch script."""

from fastapi import APIRouter, Response

from app.api.deps import DatabaseDep, RunDep
from app.api.problems import problems
from app.api.routes.runs import refuse_fault
from app.errors import Conflict, Invalid, NotFound
from app.insight.script import ScriptSpec
from app.insight.script import script as script_of
from app.storage import datasets

router = APIRouter(prefix="/runs/{id}", tags=["runs"], responses=problems(NotFound, Invalid, Conflict))

PYTHON = "text/x-python"
EXAMPLE = """\"\"\"letters, baseline.

Antigrad's run run_01k9zj4c2m8s0q1v5w7x3y6t4a as plain PyTorch, which needs nothing of Antigrad but
the dataset: notmnist.npz beside this file, as the service gives it at
/datasets/notmnist/export.npz.
\"\"\"

import matplotlib.pyplot as plt
import numpy as np
import torch
"""


@router.get(
    "/script",
    summary="The run as one plain PyTorch script, to be run beside the dataset's export.npz",
    response_class=Response,
    responses={200: {"content": {PYTHON: {"schema": {"type": "string"}, "example": EXAMPLE}}}},
)
def script(run: RunDep, database: DatabaseDep) -> Response:
    """The same data, network and steps in the same order: the first hundred losses are the run's to 1e-5 (in fp32, on
    the CPU), the figures at the end to 0.01."""
    refuse_fault(run)
    with database.read() as db:
        dataset = datasets.get(db, run.dataset)
    wanted = ScriptSpec(
        id=run.id,
        name=run.name,
        request=run.request,
        environment=run.environment,
        dataset_name=dataset.name,
        shape=tuple(dataset.about["shape"]),
        missing=dataset.about.get("missing", 0),
        own_parts=tuple(dataset.about["own_split"]) if run.request["split"].get("own") else (),
        device=run.device,
        stop_reason=run.stop_reason,
        step=run.progress.get("step", 0),
    )
    name = f'attachment; filename="{run.id}.py"'
    return Response(script_of(wanted), media_type=PYTHON, headers={"Content-Disposition": name})
