"""Small members of ensembles, and the same trainings alone."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from app.learning.data import Data, Part
from app.learning.ensemble.ensemble import Ensemble
from app.learning.ensemble.member import Member
from app.learning.layers import Layer, Linear
from app.learning.losses import Loss
from app.learning.optimizers import Optimizer
from app.learning.preprocessing import Affine
from app.learning.recipe import Recipe
from app.learning.stopping import Stop
from app.learning.training import Training

CPU = torch.device("cpu")


def recipe(layers: Sequence[Layer], loss: Loss, optimizer: Optimizer, batch_size: int = 16, steps: int = 100) -> Recipe:
    stop = Stop(max_epochs=None, max_steps=steps)
    return Recipe([*layers, Linear(loss.outputs(4))], (1, 2, 3), loss, optimizer, batch_size, stop, seed=0)


def data_for(loss: Loss, shift: float = 0.0) -> Data:
    """50 pictures of 6 pixels, 40 of them for training. In batches of 16, the last of an epoch has 8."""
    numbers = torch.Generator().manual_seed(3)
    inputs, targets = torch.randn(50, 1, 2, 3, generator=numbers), torch.randn(50, generator=numbers)
    classes = torch.randint(4, (50,), generator=numbers)
    if loss.task == "classification":
        targets = classes if loss.outputs(4) == 4 else classes % 2
    parts: dict[Part, Tensor] = {
        "train": torch.arange(40),
        "validation": torch.arange(40, 45),
        "test": torch.arange(45, 50),
    }
    return Data(inputs, targets, parts, Affine(shift=(shift,)), Affine()).on(CPU)


def variants(of: Recipe, count: int) -> list[Recipe]:
    """The recipe with other seeds and learning rates."""
    optimizers = [replace(of.optimizer, lr=of.optimizer.lr * 0.8**index) for index in range(count)]  # type: ignore[type-var]
    return [replace(of, seed=of.seed + index, optimizer=each) for index, each in enumerate(optimizers)]


class Record:
    """The losses of members by step, and the errors that their steps raised."""

    def __init__(self, ensemble: Ensemble) -> None:
        self.ensemble = ensemble
        self.losses: dict[Member, list[float]] = {}
        self.errors: dict[Member, Exception] = {}

    def step(self) -> None:
        for taken in self.ensemble.step():
            if taken.error is not None:
                self.errors[taken.member] = taken.error
            if taken.step is not None:
                self.losses.setdefault(taken.member, []).append(taken.step.loss)

    def finish(self) -> None:
        while self.ensemble.members:
            self.step()


def parameters(member: Training) -> list[Tensor]:
    return [parameter.detach().clone() for parameter in member.model.parameters()]
