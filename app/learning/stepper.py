"""Steppers: one optimizer step on given examples, and the state that carries over to the next step.

`Stepper` does the common parts of a step: gradient accumulation, clipping, the update. `AutogradStepper` works for all
networks; `fast_cpu` has a faster stepper for linear chains.
"""

from abc import ABC, abstractmethod
from typing import ClassVar, Literal, Protocol

import torch
from torch import Tensor, nn

from app.learning.architecture import walk
from app.learning.data import Data
from app.learning.recipe import Recipe

Gradients = Literal["autograd", "by hand"]
OptimizerState = dict[int, dict[str, Tensor]]  # by parameter index, as in `torch.optim`


class UpdateRule(Protocol):
    """An optimizer's update of the parameters from their gradients."""

    def step(self) -> None:
        """Finish the update after all gradients are computed, with the learning rates of the optimizer's groups."""
        ...

    def state(self) -> OptimizerState: ...

    def load(self, state: OptimizerState) -> None: ...


class TorchUpdate:
    """Update by a `torch.optim` optimizer from the parameters' `grad`."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.optimizer = optimizer

    def step(self) -> None:
        self.optimizer.step()

    def state(self) -> OptimizerState:
        state: OptimizerState = self.optimizer.state_dict()["state"]
        return state

    def load(self, state: OptimizerState) -> None:
        parameters = [parameter for group in self.optimizer.param_groups for parameter in group["params"]]
        whole = self.optimizer.state_dict()
        whole["state"] = {
            index: {name: _laid_out(value, parameters[index]) for name, value in values.items()}
            for index, values in state.items()
        }
        self.optimizer.load_state_dict(whole)


def _laid_out(value: Tensor, parameter: Tensor) -> Tensor:
    """Copy the value into the parameter's memory layout, since fused kernels traverse both in one order."""
    if value.shape != parameter.shape:
        return value
    return torch.empty_like(parameter, dtype=value.dtype).copy_(value)


class Stepper(ABC):
    """One optimizer step at a time. A subclass computes the gradient of a batch."""

    gradients: ClassVar[Gradients]

    def __init__(self, recipe: Recipe, model: nn.Sequential, data: Data, update: UpdateRule) -> None:
        self.recipe, self.model, self.data, self.update = recipe, model, data, update
        self.needs_two_examples = any(layer.uses_batch_statistics for _, layer in walk(recipe.layers))
        # Another seed than that of the weights: noise would repeat the random numbers of the initial weights.
        self.draws = torch.Generator().manual_seed(recipe.seed + 1)

    @abstractmethod
    def gradient(self, indices: Tensor) -> Tensor:
        """Compute the gradient of one batch for the update; return its loss, a scalar tensor."""

    def step(self, indices: Tensor) -> float:
        """Take one step on the examples at `indices`; return their loss before the step.

        The learning rates are those of the optimizer's groups.
        """
        loss = self.gradient(indices) if self.recipe.accumulate == 1 else self._accumulated_gradient(indices)
        self.descend()
        return loss.item()  # waits for a GPU: the stop criteria need every step's loss

    def descend(self) -> None:
        """Update the parameters from their gradients, which are clipped first if the recipe asks for it."""
        if self.recipe.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip_norm)
        self.update.step()

    def split(self, indices: Tensor, size: int | None) -> list[Tensor]:
        """Split examples into batches of `size`; None gives a single batch.

        With batch norm, a last batch of one example is merged with the one before, since one example has no variance.
        """
        batches = list(torch.split(indices, size or len(indices)))
        if self.needs_two_examples and len(batches) > 1 and len(batches[-1]) == 1:
            batches[-2:] = [torch.cat(batches[-2:])]
        return batches

    def augment(self, inputs: Tensor) -> None:
        """Augment prepared inputs in place if the recipe asks for it."""
        if self.recipe.augment is not None:
            inputs.copy_(self.recipe.augment.apply(inputs, self.data.prepare_inputs, self.draws))

    def state(self) -> dict[str, Tensor]:
        """State that later steps depend on, by name in a checkpoint; the model and global generators are excluded."""
        tensors = {
            f"optimizer.{index}.{name}": value
            for index, values in self.update.state().items()
            for name, value in values.items()
            if value is not None
        }
        return tensors if self.recipe.augment is None else tensors | {"random.augment": self.draws.get_state()}

    def load(self, tensors: dict[str, Tensor]) -> None:
        """Restore the state from a checkpoint's tensors."""
        state: OptimizerState = {}
        for name, tensor in tensors_under("optimizer.", tensors).items():
            index, key = name.split(".", 1)
            state.setdefault(int(index), {})[key] = tensor
        self.update.load(state)
        if self.recipe.augment is not None:
            self.draws.set_state(tensors["random.augment"])

    def _accumulated_gradient(self, indices: Tensor) -> Tensor:
        """Sum the gradients of batches of `batch_size`, each weighted by its share of the loss's divisor.

        The result is the gradient of the loss over all the examples.
        """
        learning = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        sums = [torch.zeros_like(parameter) for parameter in learning]
        loss = torch.zeros((), device=learning[0].device)
        divisor = self.recipe.loss.divisor
        whole = divisor(self.data.targets_at(indices))
        for batch in self.split(indices, self.recipe.batch_size):
            share = divisor(self.data.targets_at(batch)) / whole
            loss += share * self.gradient(batch)
            for total, parameter in zip(sums, learning, strict=True):
                if parameter.grad is not None:
                    total.add_(parameter.grad, alpha=share)
        for total, parameter in zip(sums, learning, strict=True):
            if parameter.grad is not None:
                parameter.grad.copy_(total)
        return loss


class AutogradStepper(Stepper):
    """Steps for any network on any device: gradients by autograd, updates by `torch.optim`."""

    gradients: ClassVar[Gradients] = "autograd"

    def __init__(self, recipe: Recipe, model: nn.Sequential, optimizer: torch.optim.Optimizer, data: Data) -> None:
        super().__init__(recipe, model, data, TorchUpdate(optimizer))
        self.optimizer, self.device = optimizer, next(model.parameters()).device

    def gradient(self, indices: Tensor) -> Tensor:
        inputs, targets = self.data.batch(indices, self.device)
        self.augment(inputs)
        self.model.train()
        self.optimizer.zero_grad()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.precision == "bf16"):
            outputs = self.model(inputs)
        loss = self.recipe.loss.function(outputs.float(), targets)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()


def tensors_under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Tensors whose name begins with the prefix, by the rest of their name."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
