"""Examples on their way into the network: gathered by index, prepared, on the device."""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import torch
from torch import Tensor

from app.learning.available_memory import free_memory
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

    def get_ready(self) -> None:
        """Prepare all inputs, if they are to be: batches are taken from them from now on, and not before, since a run's
        first step shall not wait for that."""
        _ = self.ready

    @property
    def already(self) -> Tensor | None:
        found: Tensor | None = self.__dict__.get("ready")
        return found

    def batch(self, indices: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
        """The prepared examples at `indices`, on `device`."""
        if self.already is not None:
            inputs = self.already.index_select(0, indices).to(device)
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


def with_room(rows: Tensor) -> Tensor:
    """Memory of the shape of `rows` (N, …), uninitialised, in which a 1 stands behind each row (`with_ones`)."""
    return rows.new_ones(len(rows), rows[0].numel() + 1)[:, :-1].view(rows.shape)


def with_ones(rows: Tensor) -> Tensor:
    """Rows (N, D) of such memory, each with the 1 that stands behind it: (N, D + 1)."""
    width = rows.shape[1] + 1
    return rows.as_strided((len(rows), width), (width, 1))


@dataclass(frozen=True, eq=False)
class Batch:
    """Memory that holds prepared examples: inputs (N, …), each with a 1 behind it, and targets (N,)."""

    inputs: Tensor
    targets: Tensor

    @classmethod
    def like(cls, inputs: Tensor, targets: Tensor) -> "Batch":
        """Memory for such examples, uninitialised."""
        return cls(with_room(inputs), torch.empty_like(targets))


class Batches:
    """Batches of data on the CPU, gathered into memory that is used again: one for each size."""

    def __init__(self, data: Data) -> None:
        self.data = data
        self.kept: dict[int, tuple[Tensor, Batch]] = {}

    def of(self, indices: Tensor) -> Batch:
        """The prepared examples at `indices`, until the next ones of that size."""
        data, size = self.data, indices.numel()
        if size not in self.kept:
            batch = Batch.like(*data.batch(indices, torch.device("cpu")))
            self.kept[size] = data.inputs.new_empty(batch.inputs.shape), batch
        raw, batch = self.kept[size]
        if data.already is not None:
            torch.index_select(data.already, 0, indices, out=batch.inputs)
        else:
            torch.index_select(data.inputs, 0, indices, out=raw)
            data.prepare_inputs.apply(raw, out=batch.inputs)
        torch.index_select(data.targets, 0, indices, out=batch.targets)
        if batch.targets.is_floating_point():
            data.prepare_targets.apply(batch.targets, out=batch.targets)
        return batch
