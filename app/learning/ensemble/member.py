"""Member: a training whose steps an ensemble takes, together with those of others."""

from collections.abc import Iterator
from typing import ClassVar

import torch
from torch import Tensor, nn

from app.learning.data import Data
from app.learning.fast_cpu.flat_parameters import FlatParameters
from app.learning.fast_cpu.updates import FlatUpdate, choose_flat_update
from app.learning.recipe import Recipe
from app.learning.stepper import Gradients, Stepper
from app.learning.training import Training


class Member(Training):
    """A training of an ensemble: its own seed, order, hyperparameters, schedule, stop criteria, and checkpoints.

    It computes its own gradients, as it would alone."""

    def begin(self) -> None:
        """Begin to take steps, from the start or from a restored checkpoint."""
        self.pending: Iterator[Tensor] = self.batches()


class StackedStepper(Stepper):
    """The update of one member. Its ensemble computes the gradients of all members at once."""

    gradients: ClassVar[Gradients] = "by hand"
    update: FlatUpdate

    def __init__(self, recipe: Recipe, model: nn.Sequential, optimizer: torch.optim.Optimizer, data: Data) -> None:
        super().__init__(recipe, model, data, choose_flat_update(recipe.optimizer, optimizer))
        fixed = [parameter for parameter in model.parameters() if not parameter.requires_grad]
        self.frozen = [FlatParameters(fixed)] if fixed else []

    @property
    def flat(self) -> list[FlatParameters]:
        """All parameters: one flat tensor for each of the optimizer's groups, then one for the frozen layers."""
        return [*self.update.flat, *self.frozen]

    def gradient(self, indices: Tensor) -> Tensor:  # noqa: ARG002
        raise TypeError("the gradients of a member are computed by its ensemble")

    def move(self, parameters: list[Tensor], gradients: list[Tensor]) -> None:
        """Move all parameters, and the gradients of each of the optimizer's groups, to these flat tensors."""
        groups = len(self.update.flat)
        self.update.move(parameters[:groups], gradients)
        for flat, memory in zip(self.frozen, parameters[groups:], strict=True):
            flat.move(memory)

    def move_out(self) -> None:
        """Move parameters and gradients to memory of their own."""
        own = [torch.empty_like(flat.whole.data) for flat in self.flat]
        self.move(own, [torch.zeros_like(gradient) for gradient in self.update.gradients])


class StackedMember(Member):
    """A member whose products of matrices are batched with those of others."""

    stepper: StackedStepper

    def build_stepper(self) -> StackedStepper:
        return StackedStepper(self.recipe, self.model, self.optimizer, self.data)
