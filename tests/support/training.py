"""Small trainings of the learning core, without a service."""

from typing import Any

import torch

from app.learning.data import Data
from app.learning.fast_cpu.stepper import LinearChainStepper
from app.learning.layers import Linear, ReLU
from app.learning.losses import LOSSES, Loss
from app.learning.optimizers import Optimizer
from app.learning.preprocessing import Affine
from app.learning.recipe import Recipe
from app.learning.schedules import Constant, Schedule
from app.learning.serialization import Trained
from app.learning.stepper import AutogradStepper
from app.learning.stopping import Stop
from app.learning.training import Training

CROSS_ENTROPY, MSE = LOSSES["cross_entropy"](), LOSSES["mse"]()


def training(
    optimizer: Optimizer,
    schedule: Schedule = Constant(),
    batch_size: int = 16,
    clip_norm: float | None = None,
    accumulate: int = 1,
    loss: Loss = CROSS_ENTROPY,
    **stop: Any,
) -> Training:
    """A small network on 50 examples of 4 numbers, 3 classes, in batches of 16: the last of an epoch has 2."""
    numbers = torch.Generator().manual_seed(7)
    inputs, targets = torch.randn(50, 4, generator=numbers), torch.randint(3, (50,), generator=numbers)
    parts = {"train": torch.arange(40), "validation": torch.arange(40, 45), "test": torch.arange(45, 50)}
    data = Data(inputs, targets, parts, Affine(), Affine())
    layers = [Linear(8), ReLU(), Linear(3)]
    recipe = Recipe(layers, (4,), loss, optimizer, batch_size, Stop(**stop), 0, schedule,
                    clip_norm, accumulate)  # fmt: skip
    return Training(recipe, data, torch.device("cpu"))


def network_of(run: Training) -> Trained:
    """The content of its weights file."""
    classes, shape = list("abc"), run.recipe.input_shape
    return Trained(
        run.model,
        run.recipe.layers,
        shape,
        "classification",
        classes,
        Affine(),
        Affine(),
        None,
        run.step,
        run.output_kind,
    )


class ByAutograd(Training):
    def build_stepper(self) -> AutogradStepper:
        return AutogradStepper(self.recipe, self.model, self.optimizer, self.data)


def by_autograd(run: Training) -> Training:
    """The training from its start with autograd's stepper, and parameters in PyTorch's layout."""
    return ByAutograd(run.recipe, run.data, run.device)


def by_hand(run: Training) -> Training:
    assert isinstance(run.stepper, LinearChainStepper)
    return run


PATHS = [by_hand, by_autograd]
