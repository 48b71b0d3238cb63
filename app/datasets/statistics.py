"""Statistics of a dataset: images by their means, tables by column."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.datasets.arrays import Arrays
from app.datasets.splits import Indices

NUMBERS_AT_ONCE = 2**21
MOST_NUMBERS = 2**23  # of a table; rows of a larger one are sampled
BINS = 20
CANCELLED = 1e-7  # of a sum of squares; if less is left after subtracting the mean's part, r loses digits
CORRELATED = 100  # most columns for which the correlation matrix is computed


@dataclass(frozen=True)
class Mean:
    """Mean and standard deviation of each pixel, (C, H, W), 0 to 255; black if there are no images."""

    count: int
    mean: NDArray[np.float64]
    spread: NDArray[np.float64]


def mean_of(arrays: Arrays, indices: Indices) -> Mean:
    """Pixel statistics of the images at `indices`."""
    sums, squares = np.zeros(arrays.shape), np.zeros(arrays.shape)
    at_once = max(1, NUMBERS_AT_ONCE // max(1, prod(arrays.shape)))
    for some in np.array_split(indices, 1 + len(indices) // at_once):
        pictures = arrays.inputs[some].astype(np.float64)
        sums += pictures.sum(0)
        squares += np.square(pictures).sum(0)
    count = max(1, len(indices))
    mean = sums / count
    return Mean(len(indices), mean, np.sqrt(np.maximum(squares / count - mean**2, 0)))


def class_means(arrays: Arrays, indices: Indices) -> Iterator[tuple[str, Mean]]:
    """Pixel statistics of each class, over the images at `indices`."""
    targets = arrays.targets[indices]
    for place, label in enumerate(arrays.classes):
        yield label, mean_of(arrays, indices[targets == place])


@dataclass(frozen=True)
class Brightness:
    """Mean and standard deviation of all pixels, 0 to 255, and the mean of each class."""

    mean: float
    std: float
    of_classes: dict[str, float]


def brightness(arrays: Arrays, indices: Indices) -> Brightness:
    """Brightness of the images at `indices`. The total follows from the classes, so that each image is read once."""
    total, squares, of_classes = 0.0, 0.0, {}
    for label, pixels in class_means(arrays, indices):
        of_classes[label] = float(pixels.mean.mean())
        total += pixels.count * of_classes[label]
        squares += pixels.count * float((np.square(pixels.spread) + np.square(pixels.mean)).mean())
    count = max(1, len(indices))
    return Brightness(total / count, sqrt(max(0.0, squares / count - (total / count) ** 2)), of_classes)


def drawn(indices: Indices, most: int) -> Indices:
    """At most `most` of the indices, sampled with a fixed seed."""
    return indices if len(indices) <= most else np.sort(np.random.default_rng(0).choice(indices, most, replace=False))


def column_statistics(arrays: Arrays, indices: Indices) -> dict[str, Any]:
    """Statistics of the rows at `indices`: each column and the target with a histogram, and their correlations."""
    most = max(1, MOST_NUMBERS // max(1, prod(arrays.shape)))
    indices = drawn(indices, most)
    rows = np.asfortranarray(arrays.inputs[indices], np.float32)  # columns are contiguous
    names = arrays.feature_names or tuple(f"column {place}" for place in range(rows.shape[1]))
    columns = [{"name": name, **_column(values)} for name, values in zip(names, rows.T, strict=True)]
    target = None
    if not arrays.classes:
        targets = np.asarray(arrays.targets[indices], np.float32)
        target = _column(targets)
        for column, (r,) in zip(columns, _correlations(rows, targets[:, None]), strict=True):
            column["correlation"] = r
    return {
        "rows": len(indices),
        "columns": columns,
        "target": target,
        "correlations": None if rows.shape[1] > CORRELATED else _correlations(rows, rows),
    }


def _column(values: NDArray[np.float32]) -> dict[str, Any]:
    known = _known(values)
    if not len(known):
        return {"missing": len(values), "min": None, "max": None, "mean": None, "std": None, "histogram": None}
    low, high = float(known.min()), float(known.max())
    around = 0.0 if low < high else max(0.5, abs(low) / 1e6)  # numpy's own margin of ½ is lost next to a large constant
    counts, edges = np.histogram(known, BINS, (low - around, high + around))
    return {
        "missing": len(values) - len(known),
        "min": low,
        "max": high,
        "mean": float(known.mean()),
        "std": float(known.std()),
        "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
    }


def _correlations(left: NDArray[np.float32], right: NDArray[np.float32]) -> list[list[float | None]]:
    """Pearson's r of each column of `left` (N, P) with each of `right` (N, Q), over the rows that have both values.

    It is None where one of the two is constant in these rows.
    """
    sums = np.zeros((3 * left.shape[1], 3 * right.shape[1]))
    at_once = max(1, NUMBERS_AT_ONCE // (3 * (left.shape[1] + right.shape[1])))
    middle_left, middle_right = _middles(left), _middles(right)
    for start in range(0, len(left), at_once):
        some = _powers(left[start : start + at_once] - middle_left)
        other = some if right is left else _powers(right[start : start + at_once] - middle_right)
        sums += some.T @ other  # symmetric for a table with itself, which halves the work
    (counts, y, yy), (x, xy, _), (xx, _, _) = sums.reshape(3, left.shape[1], 3, -1).swapaxes(1, 2)
    counts = np.maximum(counts, 1)
    varied = xx - x**2 / counts, yy - y**2 / counts
    spread = np.sqrt(np.maximum(varied[0], 0) * np.maximum(varied[1], 0))
    r = np.divide(xy - x * y / counts, spread, out=np.full(xy.shape, np.nan), where=spread > 0)
    # Where the means over the common rows are far from the columns' medians, too few digits are left.
    for pair in zip(*np.nonzero((varied[0] < CANCELLED * xx) | (varied[1] < CANCELLED * yy)), strict=True):
        r[pair] = _correlation(left[:, pair[0]], right[:, pair[1]])
    return [[None if np.isnan(value) else round(value, 6) for value in row] for row in r.clip(-1, 1).tolist()]


def _middles(rows: NDArray[np.float32]) -> NDArray[np.float64]:
    """Median of the known values of each column. Unlike the mean, it hardly moves with outliers."""
    return np.array([np.median(known) if len(known := _known(values)) else 0.0 for values in rows.T])


def _known(values: NDArray[np.float32]) -> NDArray[np.float64]:
    return values[~np.isnan(values)].astype(np.float64)


def _powers(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    """The 0th, 1st and 2nd powers of the numbers (N, D), side by side (N, 3D); zeros for missing numbers."""
    known = ~np.isnan(rows)
    rows = np.where(known, rows, 0.0)
    return np.hstack([known, rows, rows**2])


def _correlation(x: NDArray[np.float32], y: NDArray[np.float32]) -> float:
    """Pearson's r of two columns, by the slower formula that loses no digits."""
    both = ~np.isnan(x) & ~np.isnan(y)
    x, y = (values[both] - values[both].mean(dtype=np.float64) for values in (x, y))
    spread = np.sqrt((x @ x) * (y @ y))
    return float(x @ y / spread) if spread > 0 else np.nan
