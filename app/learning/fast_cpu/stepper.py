"""LinearChainStepper: optimizer steps of linear chains on the CPU, with hand-written backpropagation."""

from typing import ClassVar

import torch
from torch import Tensor, nn

from app.learning.data import Data
from app.learning.fast_cpu.batches import Batches
from app.learning.fast_cpu.linear_chain import LinearChain
from app.learning.fast_cpu.updates import choose_update
from app.learning.recipe import Recipe
from app.learning.stepper import Gradients, Stepper


class LinearChainStepper(Stepper):
    """Steps without autograd: batches in preallocated memory, hand-written gradients, updates of flat parameters.

    Losses and parameters equal those of `AutogradStepper` up to rounding.
    """

    gradients: ClassVar[Gradients] = "by hand"

    def __init__(self, recipe: Recipe, model: nn.Sequential, optimizer: torch.optim.Optimizer, data: Data) -> None:
        unmodified = recipe.clip_norm is None and recipe.accumulate == 1
        update = choose_update(recipe.optimizer, optimizer, unmodified)
        super().__init__(recipe, model, data, update)
        self.chain, self.batches = LinearChain(model, recipe.loss, update), Batches(data)

    @staticmethod
    def fits(recipe: Recipe, model: nn.Sequential, device: torch.device) -> bool:
        """True for a linear chain in fp32 on the CPU."""
        return device.type == "cpu" and recipe.precision == "fp32" and LinearChain.fits(model)

    def gradient(self, indices: Tensor) -> Tensor:
        batch = self.batches.of(indices)
        self.augment(batch.inputs)
        return self.chain.loss_and_gradients(batch)
