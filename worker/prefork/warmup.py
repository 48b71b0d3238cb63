"""Warm-up of a pre-forked child: compiles SQL, starts threads and touches copy-on-write pages, so that a run's first
step is fast."""

import contextlib
from typing import Any

import torch
from sqlalchemy.exc import OperationalError

from app.insight.analysis.diagnostics import Sampler
from app.learning.data import Data
from app.learning.layers import Linear, ReLU
from app.learning.losses import CrossEntropy
from app.learning.optimizers import Adam
from app.learning.preprocessing import Affine
from app.learning.recipe import Recipe
from app.learning.stopping import Stop
from app.learning.training import Training
from app.storage import runs
from app.storage.curves import last_steps
from app.storage.database import Database
from app.storage.queue.claims import LeaseLost
from app.storage.queue.run_claims import run_claims
from app.storage.tables import Run


def warm_up(settings: dict[str, Any], database: Database) -> None:
    """Read a run that does not exist, try to write to it, and train one step on dummy examples."""
    with contextlib.suppress(OperationalError), database.write() as db:  # the database may be back when a job comes
        db.get(Run, "")
        last_steps(db, "")
        runs.checkpoints(db, "")
        both: list[dict[str, Any]] = [
            {"device": "", "environment": {}},
            {"metrics": {}},
        ]  # as the first flush writes, and as later ones write
        for changes in both:
            with contextlib.suppress(LeaseLost):
                run_claims.write(db, "", 0, progress={}, **changes)
    database.close()  # the next job may come much later: keep no idle connection
    torch.set_num_threads(settings["threads"])
    recipe = Recipe(
        layers=[Linear(8), ReLU(), Linear(2)],
        input_shape=(1, 4, 4),
        loss=CrossEntropy(),
        optimizer=Adam(),
        batch_size=4,
        stop=Stop(max_steps=1),
        seed=0,
    )
    every = torch.arange(8)
    data = Data(
        inputs=torch.zeros(8, 1, 4, 4, dtype=torch.uint8),
        targets=every % 2,
        parts={"train": every, "validation": every},
        prepare_inputs=Affine(scale=(255.0,)),
        prepare_targets=Affine(),
    )
    training = Training(recipe, data, torch.device("cpu"))
    sampler = Sampler(training)
    for _ in training.steps():
        sampler.look()
