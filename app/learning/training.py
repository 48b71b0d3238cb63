"""The training loop: a generator of steps that knows nothing of who is listening.

Cancelling is leaving the loop. `checkpoint()` and `restore()` are exact: a restored training yields, bit for bit on a
CPU with the same number of threads, the steps that the first would have yielded.
"""

import copy
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor, nn

from app.learning.architecture import build, parameter_groups, walk
from app.learning.augmentation import Augmentation
from app.learning.data import Batches, Data, Part
from app.learning.evaluation import Metrics, measure
from app.learning.fast_cpu import updates
from app.learning.fast_cpu.linear_chain import LinearChain
from app.learning.fast_cpu.updates import TorchUpdate, UpdateRule
from app.learning.layers import Layer, Shape
from app.learning.layers.structure import output_shape
from app.learning.losses import Loss
from app.learning.optimizers import Optimizer
from app.learning.outputs import output_kind
from app.learning.schedules import Constant, Schedule
from app.learning.stopping import Divergence, Patience, Seen, Stop

Precision = Literal["fp32", "bf16"]


@dataclass(frozen=True)
class Recipe:
    """All that decides how a network learns, but the data."""

    layers: list[Layer]
    input_shape: Shape
    loss: Loss
    optimizer: Optimizer
    batch_size: int | None  # None: all the training data in each step
    stop: Stop
    seed: int
    schedule: Schedule = field(default_factory=Constant)
    clip_norm: float | None = None  # the gradient is shortened to this L2 norm over all parameters
    accumulate: int = 1  # batches of which the gradients make one step
    precision: Precision = "fp32"
    augment: Augmentation | None = None  # of pictures

    @property
    def examples_per_step(self) -> int | None:
        """None: all the training data."""
        return None if self.batch_size is None else self.batch_size * self.accumulate


@dataclass(frozen=True)
class Step:
    """One optimizer step that was taken. `metrics` stands only on the last step of an epoch."""

    number: int
    epoch: int
    loss: float
    metrics: dict[Part, Metrics] | None = None


@dataclass(frozen=True)
class Checkpoint:
    """Everything that the rest of the training depends on: tensors by name, and plain JSON."""

    tensors: dict[str, Tensor]
    position: dict[str, Any]


class Training:
    """A network being trained. Iterate `steps()`; afterwards `stop_reason` says why it ended."""

    by_hand: ClassVar[bool] = True  # where the network, its loss and the device allow it

    def __init__(
        self, recipe: Recipe, data: Data, device: torch.device, clock: Callable[[], float] = time.monotonic
    ) -> None:
        torch.manual_seed(recipe.seed)
        self.recipe, self.data, self.device = recipe, data.on(device), device
        self.model = build(recipe.layers, recipe.input_shape).to(device)
        if any(isinstance(module, nn.Conv2d) for module in self.model.modules()):
            # As convolutions like it, on the CPU and on CUDA.
            self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.needs_two_examples = any(layer.uses_batch_statistics for _, layer in walk(recipe.layers))
        by_hand = self.by_hand and device.type == "cpu" and recipe.precision == "fp32" and LinearChain.fits(self.model)
        self.optimizer = recipe.optimizer.build(parameter_groups(self.model))
        self.descent: UpdateRule = TorchUpdate(self.optimizer)
        self.chain: LinearChain | None = None
        if by_hand:
            as_they_are = recipe.clip_norm is None and recipe.accumulate == 1
            self.descent = updates.choose_update(recipe.optimizer, self.optimizer, as_they_are)
            self.chain, self.batches = LinearChain(self.model, recipe.loss, self.descent), Batches(self.data)
        # As they are before the schedule.
        self.learning_rates = [group["lr"] * group["lr_factor"] for group in self.optimizer.param_groups]
        self.order = torch.Generator().manual_seed(recipe.seed)  # on the CPU, so that every device sees one order
        self.epoch_started_at = self.order.get_state()
        # Of another seed than the first weights: noise would be made of the very numbers that they are made of.
        self.draws = torch.Generator().manual_seed(recipe.seed + 1)
        self.step, self.epoch, self.position = 0, 0, 0
        self.clock, self.seconds = clock, 0.0  # of training, all attempts together
        train_targets = data.targets_at(data.parts["train"])
        self.examples = len(train_targets)  # of an epoch
        batch = min(recipe.examples_per_step or self.examples, self.examples)
        (outputs,) = output_shape(tuple(recipe.layers), recipe.input_shape)
        self.criteria = recipe.stop.criteria(self.model, recipe.loss.baseline_loss(train_targets, batch, outputs))
        self.output_kind = output_kind(recipe.layers, recipe.loss)
        self.stop_reason: str | None = None

    @cached_property
    def steps_per_epoch(self) -> int:
        return len(self._batches(self.data.parts["train"]))

    @cached_property
    def total_steps(self) -> float:
        return self.recipe.stop.total_steps(self.steps_per_epoch)

    def steps(self) -> Iterator[Step]:
        """Train until a criterion is reached, yielding after each step."""
        began = self.clock() - self.seconds
        while True:
            for indices in self._rest_of_epoch():
                loss = self._learn(indices)
                self.step += 1
                self.position += indices.numel()
                epoch_over = self.position == self.examples
                self.epoch += epoch_over
                metrics = self.measure("train", "validation") if epoch_over else None
                part_losses = {part: found["loss"] for part, found in (metrics or {}).items()}
                self.seconds = self.clock() - began
                seen = Seen(self.step, self.epoch, loss, self.seconds, part_losses)
                reached = [criterion.reason for criterion in self.criteria if criterion.reached(seen)]
                self.stop_reason = reached[0] if reached else None
                if reached and metrics is None:
                    metrics = self.measure("train", "validation")
                if reached and self.recipe.stop.divergence and not _finite(metrics):
                    self.stop_reason = Divergence.reason  # by its very last step, whose loss was that before it
                yield Step(self.step, self.epoch, loss, metrics)
                if reached:
                    return

    def _rest_of_epoch(self) -> Iterator[Tensor]:
        """The indices of each step's examples that the epoch still has; a restored training goes on in the middle."""
        train = self.data.parts["train"]
        if self.position == self.examples:
            self.position = 0
            self.epoch_started_at = self.order.get_state()
            self.data.get_ready()
        else:
            self.order.set_state(self.epoch_started_at)
        shuffled = train[torch.randperm(self.examples, generator=self.order).to(train.device)]
        return iter(self._batches(shuffled[self.position :]))

    def _batches(self, indices: Tensor) -> list[Tensor]:
        """The examples of each step."""
        return self._split(indices, self.recipe.examples_per_step)

    def _split(self, indices: Tensor, size: int | None) -> list[Tensor]:
        """A last example that would be alone joins those before where there is batch norm: it has no spread."""
        batches = list(torch.split(indices, size or len(indices)))
        if self.needs_two_examples and len(batches) > 1 and len(batches[-1]) == 1:
            batches[-2:] = [torch.cat(batches[-2:])]
        return batches

    def _learn(self, indices: Tensor) -> float:
        """One step on the examples at `indices`; their mean loss before it."""
        factor = self.recipe.schedule.factor(self.step, self.total_steps)
        for group, lr in zip(self.optimizer.param_groups, self.learning_rates, strict=True):
            group["lr"] = lr * factor
        loss = self._gradient(indices) if self.recipe.accumulate == 1 else self._accumulated_gradient(indices)
        if self.recipe.clip_norm is not None:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.recipe.clip_norm)
        self.descent.step()
        return loss.item()  # waits for a GPU: the criteria want each step's loss

    def _gradient(self, indices: Tensor) -> Tensor:
        """The loss of one batch; its gradient lies in the parameters' `grad`."""
        if self.chain is not None:
            batch = self.batches.of(indices)
            self._augment(batch.inputs)
            return self.chain.learn(batch)
        inputs, targets = self.data.batch(indices, self.device)
        self._augment(inputs)
        self.model.train()
        self.optimizer.zero_grad()
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.recipe.precision == "bf16"):
            outputs = self.model(inputs)
        loss = self.recipe.loss.function(outputs.float(), targets)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()

    def _augment(self, inputs: Tensor) -> None:
        """Change a batch's prepared inputs where they lie, if the recipe says so."""
        if self.recipe.augment is not None:
            inputs.copy_(self.recipe.augment.apply(inputs, self.data.prepare_inputs, self.draws))

    def _accumulated_gradient(self, indices: Tensor) -> Tensor:
        """As `_gradient`, a batch at a time: the mean over all examples is the sum of the batches' means, each by its
        share of what the whole is divided by."""
        learning = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        sums, loss = [torch.zeros_like(parameter) for parameter in learning], torch.zeros((), device=self.device)
        divisor = self.recipe.loss.divisor
        whole = divisor(self.data.targets_at(indices))
        for batch in self._split(indices, self.recipe.batch_size):
            share = divisor(self.data.targets_at(batch)) / whole
            loss += share * self._gradient(batch)
            for gathered, parameter in zip(sums, learning, strict=True):
                if parameter.grad is not None:
                    gathered.add_(parameter.grad, alpha=share)
        for gathered, parameter in zip(sums, learning, strict=True):
            if parameter.grad is not None:
                parameter.grad.copy_(gathered)
        return loss

    def measure(self, *parts: Part, model: nn.Module | None = None) -> dict[Part, Metrics]:
        """The metrics of each part that has examples, in eval mode; of the network as it is now, or of another."""
        return {
            part: measure(model or self.model, self.data, part, self.recipe.loss, self.output_kind, self.device)
            for part in parts
            if len(self.data.parts[part])
        }

    def served(self) -> tuple[nn.Sequential, int]:
        """The network that predictions are made with, and the step it is of: the best where `patience` has kept one,
        else the last."""
        for criterion in self.criteria:
            if isinstance(criterion, Patience) and criterion.best:
                best = copy.deepcopy(self.model)
                best.load_state_dict(criterion.best)
                return best, criterion.best_step
        return self.model, self.step

    def checkpoint(self) -> Checkpoint:
        """A copy of the whole state, on the CPU."""
        tensors = {f"model.{name}": tensor for name, tensor in self.model.state_dict().items()}
        for index, state in self.descent.state().items():
            tensors |= {f"optimizer.{index}.{name}": value for name, value in state.items() if value is not None}
        tensors["random.order"] = self.epoch_started_at
        tensors["random.torch"] = torch.get_rng_state()
        if self.recipe.augment is not None:
            tensors["random.augment"] = self.draws.get_state()
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
        form = torch.contiguous_format
        return Checkpoint({name: of.detach().cpu().clone(memory_format=form) for name, of in tensors.items()}, position)

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go back to a checkpoint of the same recipe (its `stop` may differ)."""
        tensors, position = checkpoint.tensors, checkpoint.position
        self.model.load_state_dict(under("model.", tensors))
        state: updates.State = {}
        for name, tensor in under("optimizer.", tensors).items():
            index, key = name.split(".", 1)
            state.setdefault(int(index), {})[key] = tensor
        self.descent.load(state)
        self.epoch_started_at = tensors["random.order"]
        self.order.set_state(self.epoch_started_at)
        torch.set_rng_state(tensors["random.torch"])
        if self.recipe.augment is not None:
            self.draws.set_state(tensors["random.augment"])
        if self.device.type == "cuda" and "random.cuda" in tensors:  # a checkpoint of a CPU has none
            torch.cuda.set_rng_state(tensors["random.cuda"], self.device)
        self.step, self.epoch, self.position = (position[key] for key in ("step", "epoch", "position"))
        if self.position == self.examples:  # the epoch is over: its permutation has been drawn
            torch.randperm(self.position, generator=self.order)
        self.seconds = position.get("seconds", 0.0)  # checkpoints of before do not say
        for criterion in self.criteria:
            reason = criterion.reason
            criterion.restore(position["criteria"].get(reason, {}), under(f"criteria.{reason}.", tensors))


def _finite(metrics: dict[Part, Metrics] | None) -> bool:
    """Whether the training part's loss is, where it was measured."""
    return math.isfinite((metrics or {}).get("train", {}).get("loss", 0.0))


def under(prefix: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Those whose name begins with the prefix, by the rest of it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
