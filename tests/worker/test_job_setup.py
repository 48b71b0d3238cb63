from pathlib import Path

import torch

from app.learning.augmentation import Augmentation
from app.learning.optimizers import Adam
from app.learning.schedules import Constant, Cosine
from app.ops.builtin_datasets import install_builtin
from app.runs.requests import RunRequest
from app.runs.resolution import resolve
from app.settings import Settings
from app.storage import datasets, migrate
from app.storage.database import Database
from app.storage.datasets import built_in
from app.storage.files import LocalFiles
from worker.job_setup import prepare

CPU = torch.device("cpu")


def test_a_stored_request_is_prepared_as_it_says_and_one_of_before_by_the_defaults(settings: Settings) -> None:
    settings.home.mkdir(parents=True)
    database, files = Database(settings.database), LocalFiles(settings.files)
    migrate.upgrade(database)
    install_builtin(database, files)
    with database.write() as db:
        wanted = {"dataset": "digits", "schedule": "cosine", "clip_norm": 1, "accumulate": 2, "augment": {"rotate": 9}}
        request, _ = resolve(RunRequest.model_validate(wanted), datasets.get_for_share(db, "digits"), files)
    training, _ = prepare(request, built_in(request["dataset"]), files, CPU)
    recipe = training.recipe
    assert (recipe.schedule, recipe.clip_norm, recipe.accumulate) == (Cosine(), 1.0, 2)
    assert recipe.augment == Augmentation(rotate=9.0)

    for field in ("schedule", "clip_norm", "accumulate", "augment"):
        del request[field]
    request["optimizer"] = {"name": "adam", "lr": 0.01, "betas": [0.9, 0.999], "eps": 1e-8}
    training, _ = prepare(request, built_in(request["dataset"]), files, CPU)
    recipe = training.recipe
    assert (recipe.schedule, recipe.clip_norm, recipe.accumulate) == (Constant(), None, 1)
    assert recipe.augment is None
    assert recipe.optimizer == Adam(lr=0.01)
    database.close()


def test_pictures_are_normalised_as_the_request_says(tmp_path: Path) -> None:
    database, files = Database(f"sqlite:///{tmp_path / 'antigrad.db'}"), LocalFiles(tmp_path / "files")
    migrate.upgrade(database)
    install_builtin(database, files)
    with database.read() as db:
        digits = datasets.get(db, "digits")
    found = {}
    for normalise in (None, "unit", "standard", "none"):
        wanted = RunRequest.model_validate({"dataset": "digits"} | ({"normalise": normalise} if normalise else {}))
        training, _ = prepare(resolve(wanted, digits, files)[0], built_in("digits"), files, CPU)
        data = training.data
        found[normalise] = data.prepare_inputs.apply(data.inputs[data.parts["train"]])
    assert torch.equal(found[None], found["standard"])
    assert float(found["unit"].max()) == 1 and float(found["none"].max()) == 255
    assert abs(float(found["standard"].mean())) < 1e-4 and abs(float(found["standard"].std()) - 1) < 1e-4
    database.close()
