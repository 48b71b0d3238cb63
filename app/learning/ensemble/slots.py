"""Memory for the members of an ensemble: one slot each, all of the same size.

The bits of a member's results must depend neither on its slot nor on the number of members. Kernels treat the last
numbers of a tensor differently from those before, and products may depend on the address within a cache line. So slots
and rows are padded to a multiple of `LANES` numbers.
"""

import torch
from torch import Tensor

LANES = 32  # numbers: two vector registers of AVX-512, two cache lines


def rounded(count: int) -> int:
    """The next multiple of `LANES`."""
    return -(-count // LANES) * LANES


class Rows:
    """Memory for `count` rows of `width` numbers, each followed by a 1 for the biases.

    `whole` (count, padded width) includes the padding, which is 1 too.
    """

    def __init__(self, count: int, width: int) -> None:
        self.width, self.whole = width, torch.ones(rounded(count), rounded(width + 1))

    def rows(self, count: int) -> Tensor:
        """The first rows, (count, width)."""
        return self.whole[:count, : self.width]

    def of_slots(self, slots: int, rows: int, *, ones: bool = False) -> Tensor:
        """The rows of the first slots: (slots, rows, width), or width + 1 with the ones."""
        return self.padded(slots, rows)[:, :, : self.width + ones]

    def padded(self, slots: int, rows: int) -> Tensor:
        """The rows of the first slots with their padding: (slots, rows, padded width), contiguous."""
        return self.whole[: slots * rows].view(slots, rows, -1)


class Slots:
    """Memory for flat tensors of the given sizes in each of `count` slots, one after another."""

    def __init__(self, count: int, sizes: list[int]) -> None:
        self.sizes, self.offsets, end = sizes, [], 0
        for size in sizes:
            self.offsets.append(end)
            end += rounded(size)
        self.whole = torch.zeros(count, end)

    def of(self, slot: int) -> list[Tensor]:
        """The flat tensors of a slot."""
        row = self.whole[slot]
        return [row[offset : offset + size] for offset, size in zip(self.offsets, self.sizes, strict=True)]

    def matrices(self, slots: int, offset: int, rows: int, columns: int) -> Tensor:
        """The matrix that begins at `offset` in each of the first slots: (slots, rows, columns)."""
        stride = self.whole.stride(0)
        return self.whole.as_strided((slots, rows, columns), (stride, columns, 1), offset)
