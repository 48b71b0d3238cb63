"""Export of a run as one plain PyTorch script."""

from fastapi import Response

from app.api.addresses import address
from app.api.deps import DatabaseDep, RunDep
from app.api.problems import problems
from app.api.router import Router
from app.api.scopes import READ
from app.errors import Conflict, Invalid, NotFound
from app.insight.script import ScriptSpec
from app.insight.script import script as script_of
from app.runs.repetition import refuse_fault
from app.storage import datasets

router = Router(
    prefix="/runs/{id}", tags=["runs"], responses=problems(NotFound, Invalid, Conflict), dependencies=[READ]
)

PYTHON = "text/x-python"
EXAMPLE = """\"\"\"letters, baseline.

Antigrad's run run_01k9zj4c2m8s0q1v5w7x3y6t4a as plain PyTorch. It needs only the dataset,
notmnist.npz, next to this file. Download it from
/datasets/notmnist/export.npz.
\"\"\"

import matplotlib.pyplot as plt
import numpy as np
import torch
"""


@router.get(
    "/script",
    summary="Get the run as one plain PyTorch script",
    response_class=Response,
    responses={200: {"content": {PYTHON: {"schema": {"type": "string"}, "example": EXAMPLE}}}},
)
def get_script(run: RunDep, database: DatabaseDep) -> Response:
    """A script that trains the same network on the same data with the same steps. It needs the dataset's `export.npz`
    in its folder.

    In fp32 on a CPU, the first 100 losses equal the run's to within 1e-5, and the final metrics to within 0.01.
    """
    refuse_fault(run)
    with database.read() as db:
        dataset = datasets.get(db, run.dataset)
    wanted = ScriptSpec(
        id=run.id,
        name=run.name,
        request=run.request,
        environment=run.environment,
        dataset_name=dataset.name,
        data_address=(download := address(f"/datasets/{run.dataset}/export.npz")),
        data_advice=f"antigrad script {run.id} --with-data saves it, or download {download} from the service",
        shape=tuple(dataset.about["shape"]),
        missing=dataset.about.get("missing", 0),
        own_parts=tuple(dataset.about["own_split"]) if run.request["split"].get("own") else (),
        device=run.device,
        stop_reason=run.stop_reason,
        step=run.progress.get("step", 0),
    )
    name = f'attachment; filename="{run.id}.py"'
    return Response(script_of(wanted), media_type=PYTHON, headers={"Content-Disposition": name})
