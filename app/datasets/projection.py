"""Examples as a few numbers each: their principal components."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.datasets.arrays import Arrays
from app.datasets.splits import Indices
from app.datasets.statistics import drawn

MOST_NUMBERS = 784  # of a picture; larger ones are averaged over squares first
FITTED = 2000  # examples from which the components are computed
AT_ONCE = 2**11


def factor(shape: tuple[int, ...]) -> int:
    """Factor by which the sides are reduced, so that a picture has at most MOST_NUMBERS numbers."""
    _, channels, height, width = shape
    return max(1, int(np.ceil(np.sqrt(channels * height * width / MOST_NUMBERS))))


def flat(pictures: NDArray[Any], factor: int) -> NDArray[np.float32]:
    """Pictures (N, C, H, W) as (N, D), averaged over squares of `factor`. Leftover pixels at the edges do not count."""
    count, channels, height, width = pictures.shape
    rows, columns = max(1, height // factor), max(1, width // factor)
    whole = pictures[:, :, : rows * min(factor, height), : columns * min(factor, width)].astype(np.float32)
    squares = whole.reshape(count, channels, rows, -1, columns, whole.shape[3] // columns)
    averages: NDArray[np.float32] = squares.mean((3, 5)).reshape(count, -1)
    return averages


def components(arrays: Arrays, indices: Indices, count: int) -> NDArray[np.float32]:
    """The first principal components of the examples at `indices`, (N, count), or fewer if the inputs have fewer.

    The columns of a table are standardised first, and a missing number counts as the mean.
    """
    numbers = _numbers(arrays, drawn(indices, FITTED))
    known = np.isfinite(numbers)
    mean = np.where(known, numbers, 0).sum(0) / np.maximum(known.sum(0), 1)
    scale: NDArray[Any] = np.ones(1)
    if len(arrays.shape) != 3:
        spread = np.sqrt(np.where(known, (numbers - mean) ** 2, 0).sum(0) / np.maximum(known.sum(0), 1))
        scale = np.where(spread > 0, spread, 1)
    _, _, axes = np.linalg.svd(_centred(numbers, mean, scale), full_matrices=False)
    pieces = (indices[start : start + AT_ONCE] for start in range(0, len(indices), AT_ONCE))
    projected = [_centred(_numbers(arrays, some), mean, scale) @ axes[:count].T for some in pieces]
    return np.concatenate(projected).astype(np.float32)


def _numbers(arrays: Arrays, indices: Indices) -> NDArray[np.float32]:
    chosen = arrays.inputs[np.asarray(indices)]
    return flat(chosen, factor(chosen.shape)) if len(arrays.shape) == 3 else chosen.astype(np.float32)


def _centred(numbers: NDArray[Any], mean: NDArray[Any], scale: NDArray[Any]) -> NDArray[Any]:
    centred: NDArray[Any] = np.nan_to_num((numbers - mean) / scale, posinf=0, neginf=0)
    return centred
