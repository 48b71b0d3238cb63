"""From a run's request, as it was resolved, to its recipe."""

from typing import Any

from app.learning.augmentation import augmentation_from_json
from app.learning.layers import Shape
from app.learning.losses import loss_from_json
from app.learning.optimizers import optimizer_from_json
from app.learning.schedules import schedule_from_json
from app.learning.serialization import layers_from_json
from app.learning.stopping import Stop
from app.learning.training import Recipe


def recipe_from_json(request: dict[str, Any], input_shape: Shape) -> Recipe:
    """Runs of before do not say everything: what they leave out was not to be had."""
    return Recipe(
        layers=layers_from_json(request["model"]["layers"]),
        input_shape=input_shape,
        loss=loss_from_json(request["loss"]),
        optimizer=optimizer_from_json(request["optimizer"]),
        batch_size=None if request["batch_size"] == "full" else request["batch_size"],
        stop=Stop.from_json(request["stop"]),
        seed=request["seed"],
        precision=request.get("precision", "fp32"),
        schedule=schedule_from_json(request.get("schedule", {"name": "constant"})),
        clip_norm=request.get("clip_norm"),
        accumulate=request.get("accumulate", 1),
        augment=augmentation_from_json(request.get("augment")),
    )
