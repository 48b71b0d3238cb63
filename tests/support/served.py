"""Networks for predictions without a training."""

import torch
from fastapi.testclient import TestClient

from app.datasets.splits import SplitSpec
from app.learning.architecture import build
from app.learning.layers import Linear
from app.learning.layers.serialization import layers_to_json
from app.learning.outputs import OutputKind
from app.learning.preprocessing import Affine
from app.learning.reference import Reference
from app.learning.serialization import Trained, to_safetensors
from app.storage.database import Database
from app.storage.files import Files
from app.storage.runs import weights_file
from app.storage.tables import Run
from tests.support.rows import insert_run
from tests.support.services import Service


def serve(client: TestClient, run: str, dataset: str = "digits") -> str:
    """Insert a succeeded run with one linear layer: ten classes for pictures, one value for `diabetes`.

    A service that several modules share may have the run already: fixtures of a module are set up again whenever its
    tests are spread over time.
    """
    with Service.of(client).database.read() as db:
        present = db.get(Run, run)
    if present is None:
        insert_network(Service.of(client).database, Service.of(client).files, run, dataset)
    elif present.dataset != dataset:
        raise ValueError(f"{run} is of {present.dataset}, not of {dataset}")
    return run


def insert_network(database: Database, files: Files, run: str, dataset: str = "digits", seed: int = 0) -> None:
    """Insert such a run into a service's database and files, which may be those of another process."""
    table = dataset == "diabetes"
    shape = (10,) if table else (1, 28, 28)
    layers = [Linear(units=1 if table else 10)]
    torch.manual_seed(seed)
    trained = Trained(
        model=build(layers, shape),
        layers=layers,
        input_shape=shape,
        task="regression" if table else "classification",
        classes=[] if table else list("0123456789"),
        prepare_inputs=Affine() if table else Affine(scale=(255.0,)),
        prepare_targets=Affine(),
        border=None if table else 0.0,
        step=7,
        output_kind=OutputKind("values" if table else "logits"),
        reference=Reference((0.0,) * (10 if table else 3), (1.0,) * (10 if table else 3)),
    )
    file = weights_file(run, 1, 7)
    files.write(file, to_safetensors(trained))
    with database.write() as db:
        request = {
            "dataset": dataset,
            "split": SplitSpec(stratify=not table).to_json(),
            "normalise": None if table else "unit",
            "model": {"layers": layers_to_json(layers)},
            "optimizer": {"name": "adam", "lr": 0.001},
            "batch_size": 32,
            "stop": {"max_epochs": 3},
            "seed": seed,
        }
        insert_run(db, run, dataset=dataset, task=trained.task, request=request, weights=file, finished_at=2.0)
