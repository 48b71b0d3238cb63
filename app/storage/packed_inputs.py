"""Inputs of predictions as bytes in a row of the database: the content of an .npy file."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray


def pack(values: NDArray[Any]) -> bytes:
    """The bytes of an input."""
    file = io.BytesIO()
    np.save(file, values, allow_pickle=False)
    return file.getvalue()


def unpack(content: bytes) -> NDArray[Any]:
    """The input in such bytes."""
    values: NDArray[Any] = np.load(io.BytesIO(content), allow_pickle=False)
    return values
