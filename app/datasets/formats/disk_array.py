"""Growing arrays on disk, so that an import may be larger than memory."""

from collections.abc import Sequence
from math import prod
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray

BYTES_AT_ONCE = 4 * 1024**2


class DiskArray:
    """Rows of equal shape, one after another in an unnamed temporary file."""

    def __init__(self, file: IO[bytes], shape: Sequence[int], dtype: Any) -> None:
        self.file, self.shape, self.dtype = file, tuple(shape), np.dtype(dtype)
        self.row_bytes = prod(shape) * self.dtype.itemsize
        self.count = 0

    def append(self, rows: bytes | NDArray[Any]) -> None:
        """Append one or more rows, as an array or as its bytes."""
        data = rows if isinstance(rows, bytes) else np.ascontiguousarray(rows, self.dtype).tobytes()
        assert len(data) % self.row_bytes == 0
        self.file.write(data)
        self.count += len(data) // self.row_bytes

    def mapped(self) -> NDArray[Any]:
        """All rows as an array (count, *shape) whose pages are read from the file when they are needed."""
        self.file.flush()
        if self.count == 0:  # an empty file cannot be mapped
            return np.empty((0, *self.shape), self.dtype)
        return np.memmap(self.file, self.dtype, "r", shape=(self.count, *self.shape))

    def in_order(self, order: NDArray[np.int64], file: IO[bytes]) -> NDArray[Any]:
        """All rows in the given order of positions. They are copied to `file` unless they are in this order already."""
        if (order[1:] > order[:-1]).all():
            return self.mapped()
        rows, sorted_rows = self.mapped(), DiskArray(file, self.shape, self.dtype)
        at_once = max(1, BYTES_AT_ONCE // self.row_bytes)
        for start in range(0, len(order), at_once):
            sorted_rows.append(rows[order[start : start + at_once]])
        return sorted_rows.mapped()
