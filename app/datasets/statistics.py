"""What a dataset looks like on the whole: pictures by their means, tables by column."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import prod, sqrt
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.datasets.arrays import Arrays
from app.datasets.split import Indices

NUMBERS_AT_ONCE = 2**21
MOST_NUMBERS = 2**23  # of a table that are looked at: of a larger one rows are drawn
BINS = 20
CORRELATED = 100  # columns of which the correlations with one another are given


@dataclass(frozen=True)
class Mean:
    """Of some pictures: mean and spread of each pixel, (C, H, W), 0 to 255; black where there are none."""

    count: int
    mean: NDArray[np.float64]
    spread: NDArray[np.float64]


def mean_of(arrays: Arrays, indices: Indices) -> Mean:
    """Of the pictures at `indices`."""
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
    """Of each class's pictures among those at `indices`."""
    targets = arrays.targets[indices]
    for place, label in enumerate(arrays.classes):
        yield label, mean_of(arrays, indices[targets == place])


@dataclass(frozen=True)
class Brightness:
    """Of all pixels, 0 to 255, and the mean of each class."""

    mean: float
    std: float
    of_classes: dict[str, float]


def brightness(arrays: Arrays, indices: Indices) -> Brightness:
    """Of the pictures at `indices`: that of all follows from that of the classes, so that each is read once."""
    total, squares, of_classes = 0.0, 0.0, {}
    for label, found in class_means(arrays, indices):
        of_classes[label] = float(found.mean.mean())
        total += found.count * of_classes[label]
        squares += found.count * float((np.square(found.spread) + np.square(found.mean)).mean())
    count = max(1, len(indices))
    return Brightness(total / count, sqrt(max(0.0, squares / count - (total / count) ** 2)), of_classes)


def column_statistics(arrays: Arrays, indices: Indices) -> dict[str, Any]:
    """Of the table's rows at `indices`: each column with its histogram, the target too, and how they go together."""
    most = max(1, MOST_NUMBERS // max(1, prod(arrays.shape)))
    if len(indices) > most:
        indices = np.sort(np.random.default_rng(0).choice(indices, most, replace=False))
    rows = np.asarray(arrays.inputs[indices], np.float64)
    target = np.asarray(arrays.targets[indices], np.float64)
    names = arrays.feature_names or tuple(f"column {place}" for place in range(rows.shape[1]))
    with_target = _correlations(np.column_stack([rows, target])[:, -1:], rows) if not arrays.classes else None
    columns = [
        {"name": name, **_column(values)} | ({} if with_target is None else {"correlation": with_target[place]})
        for place, (name, values) in enumerate(zip(names, rows.T, strict=True))
    ]
    return {
        "rows": len(indices),
        "columns": columns,
        "target": None if arrays.classes else _column(target),
        "correlations": None if rows.shape[1] > CORRELATED else _matrix(rows),
    }


def _column(values: NDArray[np.float64]) -> dict[str, Any]:
    known = values[~np.isnan(values)]
    if not len(known):
        return {"missing": len(values), "min": None, "max": None, "mean": None, "std": None, "histogram": None}
    counts, edges = np.histogram(known, BINS)
    return {
        "missing": len(values) - len(known),
        "min": float(known.min()),
        "max": float(known.max()),
        "mean": float(known.mean()),
        "std": float(known.std()),
        "histogram": {"edges": edges.tolist(), "counts": counts.tolist()},
    }


def _matrix(rows: NDArray[np.float64]) -> list[list[float | None]]:
    """Pearson's r of each column with each; None where one of them is constant."""
    return [_correlations(column[:, None], rows) for column in rows.T]


def _correlations(column: NDArray[np.float64], rows: NDArray[np.float64]) -> list[float | None]:
    """Pearson's r of a column (N, 1) with each of the rows' (N, D), over what is known of both."""
    both = ~np.isnan(column) & ~np.isnan(rows)
    counts = np.maximum(both.sum(0), 1)
    x, y = np.where(both, column, 0.0), np.where(both, rows, 0.0)
    x, y = (np.where(both, values - values.sum(0) / counts, 0.0) for values in (x, y))
    spread = np.sqrt(np.square(x).sum(0) * np.square(y).sum(0))
    r = np.divide((x * y).sum(0), spread, out=np.full(rows.shape[1], np.nan), where=spread > 0)
    return [None if np.isnan(value) else round(float(value), 6) for value in r]
