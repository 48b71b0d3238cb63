"""Recipe: everything except the data that decides how a network learns."""

from dataclasses import dataclass, field
from typing import Any, Literal

from app.learning.augmentation import Augmentation
from app.learning.layers import Layer, Shape
from app.learning.layers.serialization import layers_from_json
from app.learning.losses import Loss, loss_from_json
from app.learning.optimizers import Optimizer, optimizer_from_json
from app.learning.schedules import Constant, Schedule, schedule_from_json
from app.learning.stopping import Stop

Precision = Literal["fp32", "bf16"]


@dataclass(frozen=True)
class Recipe:
    """Network, loss, optimizer, schedule and all other settings of a training."""

    layers: list[Layer]
    input_shape: Shape
    loss: Loss
    optimizer: Optimizer
    batch_size: int | None  # None: all the training data in each step
    stop: Stop
    seed: int
    schedule: Schedule = field(default_factory=Constant)
    clip_norm: float | None = None  # maximum L2 norm of the gradient over all parameters
    accumulate: int = 1  # batches whose gradients make one step
    precision: Precision = "fp32"
    augment: Augmentation | None = None  # pictures only

    @property
    def examples_per_step(self) -> int | None:
        """Number of examples in a step; None: all the training data."""
        return None if self.batch_size is None else self.batch_size * self.accumulate

    @classmethod
    def from_json(cls, request: dict[str, Any], input_shape: Shape) -> "Recipe":
        """The recipe of a resolved request.

        Requests stored by older versions lack newer fields; those get the defaults of that time.
        """
        augment = request.get("augment")
        return cls(
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
            augment=None if augment is None else Augmentation(**augment),
        )
