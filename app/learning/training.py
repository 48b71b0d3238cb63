"""The training loop: a generator of steps, independent of recording, storage and cancellation.

To cancel, leave the loop. `checkpoint()` and `restore()` are exact: on a CPU with the same number of threads, a
restored training yields the same steps as the original, bit for bit.
"""

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import torch
from torch import Tensor, nn

from app.learning.architecture import build, parameter_groups
from app.learning.data import Data, Part
from app.learning.evaluation import Metrics, loss_of, measure
from app.learning.fast_cpu.stepper import LinearChainStepper
from app.learning.layers.structure import output_shape
from app.learning.outputs import output_kind
from app.learning.recipe import Recipe
from app.learning.stepper import AutogradStepper, Stepper, tensors_under
from app.learning.stopping import Divergence, Patience, Seen


@dataclass(frozen=True)
class Step:
    """One optimizer step. `metrics` is set on the last step of an epoch only."""

    number: int
    epoch: int
    loss: float
    metrics: dict[Part, Metrics] | None = None


@dataclass(frozen=True)
class Checkpoint:
    """Complete state of a training: tensors by name, and plain JSON."""

    tensors: dict[str, Tensor]
    position: dict[str, Any]


class Training:
    """Training of a network. Iterate over `steps()`; afterwards, `stop_reason` has the criterion that ended it."""

    def __init__(
        self, recipe: Recipe, data: Data, device: torch.device, clock: Callable[[], float] = time.monotonic
    ) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.data, self.device = recipe, data.on(device), device
        self.model = build(recipe.layers, recipe.input_shape).to(device)
        if any(isinstance(module, nn.Conv2d) for module in self.model.modules()):
            # The fastest memory layout for convolutions, on the CPU and on CUDA.
            self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.optimizer = recipe.optimizer.build(parameter_groups(self.model))
        self.stepper = self.build_stepper()
        # Learning rates of the groups before the schedule.
        self.learning_rates = [group["lr"] * group["lr_factor"] for group in self.optimizer.param_groups]
        self.order = torch.Generator().manual_seed(recipe.seed)  # on the CPU: the same order on every device
        self.epoch_started_at = self.order.get_state()
        self.step, self.epoch, self.position = 0, 0, 0
        self.clock, self.seconds = clock, 0.0  # of training, over all attempts
        self.began = clock()  # less the seconds of earlier attempts
        train_targets = data.targets_at(data.parts["train"])
        self.examples = len(train_targets)  # per epoch
        batch = min(recipe.examples_per_step or self.examples, self.examples)
        (outputs,) = output_shape(tuple(recipe.layers), recipe.input_shape)
        self.criteria = recipe.stop.criteria(self.model, recipe.loss.baseline_loss(train_targets, batch, outputs))
        self.output_kind = output_kind(recipe.layers, recipe.loss)
        self.stop_reason: str | None = None

    def build_stepper(self) -> Stepper:
        """Build the fast stepper for linear chains on the CPU, or else the autograd stepper."""
        fast = LinearChainStepper.fits(self.recipe, self.model, self.device)
        kind = LinearChainStepper if fast else AutogradStepper
        return kind(self.recipe, self.model, self.optimizer, self.data)

    @cached_property
    def steps_per_epoch(self) -> int:
        return len(self._batches(self.data.parts["train"]))

    @cached_property
    def total_steps(self) -> float:
        return self.recipe.stop.total_steps(self.steps_per_epoch)

    def steps(self) -> Iterator[Step]:
        """Train until a criterion is reached; yield after each step."""
        for indices in self.batches():
            yield self.complete(indices, self.stepper.step(indices))
            if self.stop_reason is not None:
                return

    def batches(self) -> Iterator[Tensor]:
        """Indices of the examples of each step, without end. The learning rates are set for the step."""
        self.began = self.clock() - self.seconds
        while True:
            for indices in self._rest_of_epoch():
                self._set_learning_rates()
                yield indices

    def complete(self, indices: Tensor, loss: float) -> Step:
        """Count the step that was taken on the examples at `indices`, and ask the criteria if it is the last."""
        self.step += 1
        self.position += indices.numel()
        epoch_over = self.position == self.examples
        self.epoch += epoch_over
        metrics = self.measure("train", "validation") if epoch_over else None
        part_losses = {part: loss_of(values) for part, values in (metrics or {}).items()}
        self.seconds = self.clock() - self.began
        seen = Seen(self.step, self.epoch, loss, self.seconds, part_losses)
        reached = [criterion.reason for criterion in self.criteria if criterion.reached(seen)]
        self.stop_reason = reached[0] if reached else None
        if reached and metrics is None:
            metrics = self.measure("train", "validation")
        if reached and self.recipe.stop.divergence and not _is_finite(metrics):
            self.stop_reason = Divergence.reason  # the last step diverged, after its loss was computed
        return Step(self.step, self.epoch, loss, metrics)

    def _rest_of_epoch(self) -> Iterator[Tensor]:
        """Indices of the examples of each remaining step of the epoch; a restored training resumes within an epoch."""
        train = self.data.parts["train"]
        if self.position == self.examples:
            self.position = 0
            self.epoch_started_at = self.order.get_state()
            self.data.prepare_all()
        else:
            self.order.set_state(self.epoch_started_at)
        shuffled = train[torch.randperm(self.examples, generator=self.order).to(train.device)]
        return iter(self._batches(shuffled[self.position :]))

    def _batches(self, indices: Tensor) -> list[Tensor]:
        """Indices of the examples of each step."""
        return self.stepper.split(indices, self.recipe.examples_per_step)

    def _set_learning_rates(self) -> None:
        """Set the learning rates of the next step according to the schedule."""
        factor = self.recipe.schedule.factor(self.step, self.total_steps)
        for group, lr in zip(self.optimizer.param_groups, self.learning_rates, strict=True):
            group["lr"] = lr * factor

    def measure(self, *parts: Part, model: nn.Module | None = None) -> dict[Part, Metrics]:
        """Metrics of each part with examples, in eval mode, for `model` or by default the current network."""
        return {
            part: measure(model or self.model, self.data, part, self.recipe.loss, self.output_kind, self.device)
            for part in parts
            if len(self.data.parts[part])
        }

    def served(self) -> tuple[nn.Sequential, int]:
        """The network for predictions and its step: the best one kept by `patience`, or the last without `patience`."""
        for criterion in self.criteria:
            if isinstance(criterion, Patience) and criterion.best:
                best = copy.deepcopy(self.model)
                best.load_state_dict(criterion.best)
                return best, criterion.best_step
        return self.model, self.step

    def checkpoint(self) -> Checkpoint:
        """Copy the complete state to the CPU."""
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        tensors |= self.stepper.state()
        tensors["random.order"] = self.epoch_started_at
        tensors["random.torch"] = torch.get_rng_state()
        if self.device.type == "cuda":
            tensors["random.cuda"] = torch.cuda.get_rng_state(self.device)
        for criterion in self.criteria:
            tensors |= {f"criteria.{criterion.reason}.{name}": value for name, value in criterion.tensors().items()}
        position = {
            "step": self.step,
            "epoch": self.epoch,
            "position": self.position,
            "seconds": self.seconds,
            "criteria": {criterion.reason: criterion.state() for criterion in self.criteria},
        }
        copies = {
            name: tensor.detach().cpu().clone(memory_format=torch.contiguous_format) for name, tensor in tensors.items()
        }
        return Checkpoint(copies, position)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Restore a checkpoint of the same recipe; only `stop` may differ."""
        tensors, position = checkpoint.tensors, checkpoint.position
        self.model.load_state_dict(tensors_under("model.", tensors))
        self.stepper.load(tensors)
        self.epoch_started_at = tensors["random.order"]
        self.order.set_state(self.epoch_started_at)
        torch.set_rng_state(tensors["random.torch"])
        if self.device.type == "cuda" and "random.cuda" in tensors:  # absent from a CPU's checkpoint
            torch.cuda.set_rng_state(tensors["random.cuda"], self.device)
        self.step, self.epoch, self.position = (position[key] for key in ("step", "epoch", "position"))
        if self.position == self.examples:  # the epoch is complete: draw its permutation
            torch.randperm(self.position, generator=self.order)
        self.seconds = position.get("seconds", 0.0)  # absent from older checkpoints
        for criterion in self.criteria:
            reason = criterion.reason
            criterion.restore(position["criteria"].get(reason, {}), tensors_under(f"criteria.{reason}.", tensors))


def _is_finite(metrics: dict[Part, Metrics] | None) -> bool:
    """True if the training part's loss is finite or was not measured."""
    return "train" not in (metrics or {}) or math.isfinite(loss_of((metrics or {})["train"]))
