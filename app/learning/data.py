"""Training data: examples selected by index, preprocessed, and moved to the device."""

from dataclasses import dataclass, field
from typing import Literal

import torch
from torch import Tensor

from app.learning.available_memory import free_memory
from app.learning.preprocessing import Affine

Part = Literal["train", "validation", "test"]

# Inputs of at most this many bytes as float32 are prepared once for all batches. It saves a sixth of a step on a small
# table and up to a twelfth on pictures (`bench train`). Larger inputs are prepared batch by batch: as uint8, pictures
# take a quarter of the memory, and reading four times as many bytes from main memory takes as long as preparing them.
PREPARED_BYTES = 64 * 2**20


@dataclass(eq=False)
class Data:
    """Inputs (N, …) and targets (N,) with their preprocessing, and the indices (n,) int64 of each part."""

    inputs: Tensor
    targets: Tensor
    parts: dict[Part, Tensor]
    prepare_inputs: Affine
    prepare_targets: Affine
    prepared_inputs: Tensor | None = field(default=None, init=False)  # all inputs, after `prepare_all`
    device: torch.device | None = field(default=None, init=False)  # of a copy made by `on`

    def prepare_all(self) -> None:
        """Prepare all inputs at once if they take at most `PREPARED_BYTES`; later batches are taken from them.

        A training calls this after its first epoch, so that the first step does not wait for it.
        """
        if self.prepared_inputs is None and 4 * self.inputs.numel() <= PREPARED_BYTES:
            self.prepared_inputs = self.prepare_inputs.apply(self.inputs)

    def batch(self, indices: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
        """The prepared examples at `indices`, on `device`."""
        if self.prepared_inputs is not None:
            inputs = self.prepared_inputs.index_select(0, indices).to(device)
        else:
            inputs = self.prepare_inputs.apply(self.inputs.index_select(0, indices).to(device))
        return inputs, self.targets_at(indices).to(device)

    def targets_at(self, indices: Tensor) -> Tensor:
        """The prepared targets at `indices`, on the data's device."""
        targets = self.targets.index_select(0, indices)
        return self.prepare_targets.apply(targets) if targets.is_floating_point() else targets

    def on(self, device: torch.device) -> "Data":
        """A copy on the device if it fits in half of the device's free memory; otherwise the data itself.

        A copy is on its device already, so that trainings of the same data can share it.
        """
        if self.device == device:
            return self
        needed = self.inputs.nbytes + self.targets.nbytes
        if needed > free_memory(device) // 2:
            return self
        inputs, targets = (tensor.to(device, copy=True) for tensor in (self.inputs, self.targets))
        parts = {name: indices.to(device) for name, indices in self.parts.items()}
        copied = Data(inputs, targets, parts, self.prepare_inputs, self.prepare_targets)
        copied.device = device
        return copied
