from typing import Any

from app.learning.augmentation import Augmentation
from app.learning.layers import Linear, ReLU
from app.learning.losses import MSE
from app.learning.optimizers import SGD
from app.learning.recipe import Recipe
from app.learning.schedules import Constant, Cosine
from app.learning.stopping import Stop

FIRST_VERSION: dict[str, Any] = {
    "model": {"layers": [{"type": "linear", "units": 8}, {"type": "relu"}, {"type": "linear", "units": 1}]},
    "loss": "mse",
    "optimizer": {"name": "sgd", "lr": 0.1},
    "batch_size": 32,
    "stop": {"max_epochs": 3},
    "seed": 7,
}


def test_a_request_of_the_first_version_gets_the_defaults_of_that_time() -> None:
    recipe = Recipe.from_json(FIRST_VERSION, (4,))
    assert recipe.layers == [Linear(8), ReLU(), Linear(1)]
    assert (recipe.loss, recipe.optimizer, recipe.stop) == (MSE(), SGD(lr=0.1), Stop(max_epochs=3))
    assert (recipe.schedule, recipe.clip_norm, recipe.precision, recipe.augment) == (Constant(), None, "fp32", None)
    assert recipe.examples_per_step == 32


def test_a_request_that_says_more_is_followed() -> None:
    newer = {"accumulate": 4, "augment": {"shift": 0.1}, "schedule": {"name": "cosine"}, "precision": "bf16"}
    recipe = Recipe.from_json(FIRST_VERSION | newer, (1, 2, 2))
    assert recipe.augment == Augmentation(shift=0.1)
    assert (recipe.schedule, recipe.precision, recipe.examples_per_step) == (Cosine(), "bf16", 128)
    assert Recipe.from_json(FIRST_VERSION | {"batch_size": "full"}, (4,)).examples_per_step is None
