"""Batches in preallocated memory, with a column of ones after the inputs for the biases."""

from dataclasses import dataclass

import torch
from torch import Tensor

from app.learning.data import Data


def with_room(rows: Tensor) -> Tensor:
    """Allocate memory shaped like `rows` (N, …), with a 1 after each row for `with_ones`."""
    return rows.new_ones(len(rows), rows[0].numel() + 1)[:, :-1].view(rows.shape)


def with_ones(rows: Tensor) -> Tensor:
    """View rows (N, D) from `with_room` together with their ones: (N, D + 1)."""
    width = rows.shape[1] + 1
    return rows.as_strided((len(rows), width), (width, 1))


@dataclass(frozen=True, eq=False)
class Batch:
    """Memory for prepared examples: inputs (N, …), each followed by a 1, and targets (N,)."""

    inputs: Tensor
    targets: Tensor

    @classmethod
    def like(cls, inputs: Tensor, targets: Tensor) -> "Batch":
        """Allocate memory for examples of these shapes, uninitialised."""
        return cls(with_room(inputs), torch.empty_like(targets))


class Batches:
    """Batches of data on the CPU; batches of the same size share memory."""

    def __init__(self, data: Data) -> None:
        self.data = data
        self.memory: dict[int, tuple[Tensor, Batch]] = {}  # by size: raw inputs, prepared examples

    def of(self, indices: Tensor) -> Batch:
        """Gather the prepared examples at `indices`; valid until the next call with the same number of indices."""
        data, size = self.data, indices.numel()
        if size not in self.memory:
            batch = Batch.like(*data.batch(indices, torch.device("cpu")))
            self.memory[size] = data.inputs.new_empty(batch.inputs.shape), batch
        raw, batch = self.memory[size]
        if data.prepared_inputs is not None:
            torch.index_select(data.prepared_inputs, 0, indices, out=batch.inputs)
        else:
            torch.index_select(data.inputs, 0, indices, out=raw)
            data.prepare_inputs.apply(raw, out=batch.inputs)
        torch.index_select(data.targets, 0, indices, out=batch.targets)
        if batch.targets.is_floating_point():
            data.prepare_targets.apply(batch.targets, out=batch.targets)
        return batch
