"""Networks for predictions without a training."""

import torch
from fastapi.testclient import TestClient

from app.learning.architecture import build
from app.learning.layers import Linear
from app.learning.outputs import OutputKind
from app.learning.preprocessing import Affine
from app.learning.serialization import Trained, to_safetensors
from app.storage.database import Database
from app.storage.files import Files
from app.storage.runs import weights_file
from tests.support.rows import insert_run
from tests.support.services import Service


def serve(client: TestClient, run: str, dataset: str = "digits") -> str:
    """Insert a succeeded run with one linear layer: ten classes for pictures, one value for `diabetes`."""
    insert_network(Service.of(client).database, Service.of(client).files, run, dataset)
    return run


def insert_network(database: Database, files: Files, run: str, dataset: str = "digits") -> None:
    """Insert such a run into a service's database and files, which may be those of another process."""
    table = dataset == "diabetes"
    shape = (10,) if table else (1, 28, 28)
    layers = [Linear(units=1 if table else 10)]
    torch.manual_seed(0)
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
    )
    file = weights_file(run, 1, 7)
    files.write(file, to_safetensors(trained))
    with database.write() as db:
        insert_run(db, run, dataset=dataset, task=trained.task, weights=file, finished_at=2.0)
