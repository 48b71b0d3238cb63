"""Labels that may be wrong: those that the nearest examples do not have.

Of 5% of the labels of notMNIST that were replaced at random, over nine in ten are in the first tenth of the list.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.datasets.arrays import Arrays
from app.datasets.projection import components
from app.datasets.statistics import drawn

MOST = 10_000  # examples that are compared with each other, in some seconds; more are sampled
COMPONENTS = 50
NEIGHBOURS = 10
AT_ONCE = 256


@dataclass(frozen=True)
class Suspect:
    """An example with its class, the class of most of its neighbours, and the share of them that have its own."""

    index: int
    label: int
    suggested: int
    agreeing: float


@dataclass(frozen=True)
class Suspects:
    """Suspects among the `examined` examples, the most doubtful label first."""

    examined: int
    items: list[Suspect]


def suspects(arrays: Arrays) -> Suspects:
    """All examined examples by how much their neighbours doubt their labels; those that all agree with are left out."""
    indices = drawn(np.arange(len(arrays.targets)), MOST)
    labels = np.asarray(arrays.targets[indices])
    count = min(NEIGHBOURS, len(indices) - 1)
    if count < 1 or len(arrays.classes) < 2:
        return Suspects(len(indices), [])
    points = components(arrays, indices, COMPONENTS)
    pieces = [_examined(points, labels, start, count) for start in range(0, len(points), AT_ONCE)]
    agreeing, doubt, suggested = (np.concatenate(each) for each in zip(*pieces, strict=True))
    order = np.lexsort((np.arange(len(points)), -doubt, agreeing))
    items = [
        Suspect(int(indices[place]), int(labels[place]), int(suggested[place]), float(agreeing[place]))
        for place in order
        if agreeing[place] < 1
    ]
    return Suspects(len(indices), items)


def _examined(
    points: NDArray[np.float32], labels: NDArray[Any], start: int, count: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.int64]]:
    """Agreement, doubt and suggested label (n,) of the points from `start` on.

    Agreement is the share of the `count` nearest neighbours with the point's label, doubt the distance to the nearest
    example of its class over that to one of another class. The suggested label is the neighbours' most frequent one.
    """
    some = points[start : start + AT_ONCE]
    squares = np.square(points).sum(1)
    distances = np.square(some).sum(1)[:, None] - 2 * some @ points.T + squares
    rows = np.arange(len(some))
    distances[rows, start + rows] = np.inf  # no example is its own neighbour
    nearest = np.argpartition(distances, count - 1, axis=1)[:, :count]
    found, own = labels[nearest], labels[start + rows]
    same = labels == own[:, None]
    inside = np.where(same, distances, np.inf).min(1).clip(0)
    outside = np.where(same, np.inf, distances).min(1).clip(1e-9)
    suggested = np.array([np.bincount(each).argmax() for each in found])
    return (found == own[:, None]).mean(1), np.sqrt(inside / outside), suggested
