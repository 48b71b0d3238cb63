"""Examples on their way into the network: gathered by index, prepared, on the device."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from app.learning.memory import free_memory
from app.learning.preprocessing import Affine

Part = Literal["train", "validation", "test"]

# Inputs of up to so many bytes are prepared once for all batches: it saves a fiftieth of a small network's step, and
# much more of its evaluations. Larger ones stay as they are: pictures take a quarter of the memory, and to read four
# times as much of what no cache holds takes as long as to prepare it.
READY_BYTES = 64 * 2**20


@dataclass(frozen=True)
class Data:
    """The examples and how they are prepared: inputs (N, …), targets (N,), and each part's indices (n,) int64."""

    inputs: Tensor
    targets: Tensor
    parts: dict[Part, Tensor]
    prepare_inputs: Affine
    prepare_targets: Affine

    @cached_property
    def ready(self) -> Tensor | None:
        """All inputs, prepared, where they lie; None if that took more than `READY_BYTES`."""
        return self.prepare_inputs.apply(self.inputs) if 4 * self.inputs.numel() <= READY_BYTES else None

    def batch(self, indices: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
        """The prepared examples at `indices`, on `device`."""
        if self.ready is not None:
            inputs = self.ready.index_select(0, indices).to(device)
        else:
            inputs = self.prepare_inputs.apply(self.inputs.index_select(0, indices).to(device))
        return inputs, self.targets_at(indices).to(device)

    def targets_at(self, indices: Tensor) -> Tensor:
        """The prepared targets at `indices`, where they lie."""
        targets = self.targets.index_select(0, indices)
        return self.prepare_targets.apply(targets) if targets.is_floating_point() else targets

    def on(self, device: torch.device) -> "Data":
        """The same data, lying on the device where it fits in half its free memory; else it stays where it is."""
        needed = self.inputs.nbytes + self.targets.nbytes
        if needed > free_memory(device) // 2:
            return self
        inputs, targets = (tensor.to(device, copy=True) for tensor in (self.inputs, self.targets))
        parts = {name: indices.to(device) for name, indices in self.parts.items()}
        return Data(inputs, targets, parts, self.prepare_inputs, self.prepare_targets)


@dataclass(frozen=True, eq=False)
class Batch:
    """Memory that holds prepared examples: inputs (N, …), targets (N,)."""

    inputs: Tensor
    targets: Tensor


class Batches:
    """Batches of data on the CPU, gathered into memory that is used again: one for each size."""

    def __init__(self, data: Data) -> None:
        self.data = data
        self.values = data.inputs if data.ready is None else data.ready
        self.kept: dict[int, tuple[Tensor, Batch]] = {}

    def of(self, indices: Tensor) -> Batch:
        """The prepared examples at `indices`, until the next ones of that size."""
        data, size = self.data, indices.numel()
        if size not in self.kept:
            gathered = self.values.new_empty((size, *self.values.shape[1:]))
            inputs = torch.empty_like(gathered, dtype=torch.float32) if data.ready is None else gathered
            self.kept[size] = gathered, Batch(inputs, data.targets.new_empty(size))
        gathered, batch = self.kept[size]
        torch.index_select(self.values, 0, indices, out=gathered)
        torch.index_select(data.targets, 0, indices, out=batch.targets)
        if data.ready is None:
            data.prepare_inputs.apply(gathered, out=batch.inputs)
        if batch.targets.is_floating_point():
            data.prepare_targets.apply(batch.targets, out=batch.targets)
        return batch
