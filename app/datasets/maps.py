"""Maps of a dataset: each example as a point, similar ones close to each other."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from app.datasets.arrays import Arrays
from app.datasets.projection import components
from app.datasets.splits import Indices
from app.datasets.statistics import drawn

Method = Literal["pca", "tsne"]
MOST: dict[Method, int] = {"pca": 1000, "tsne": 500}  # points: t-SNE takes some seconds for these
COMPONENTS = 30  # that t-SNE begins with
PERPLEXITY, STEPS = 30.0, 500


@dataclass(frozen=True)
class Map:
    """Points (N, 2) within −1 to 1 of the examples at `indices` (N,)."""

    indices: Indices
    points: NDArray[np.float64]


def draw_map(arrays: Arrays, method: Method) -> Map:
    """The first two principal components of a sample, or its t-SNE."""
    indices = drawn(np.arange(len(arrays.targets)), MOST[method])
    reduced = components(arrays, indices, COMPONENTS)
    if method == "pca" or len(indices) < 4 or not reduced.any():  # of equal examples, there is nothing to tell apart
        points = np.pad(reduced[:, :2], ((0, 0), (0, max(0, 2 - reduced.shape[1])))).astype(np.float64)
    else:
        from sklearn.manifold import TSNE
        from threadpoolctl import threadpool_limits

        embedding = TSNE(perplexity=min(PERPLEXITY, (len(indices) - 1) / 3), init="pca", max_iter=STEPS, random_state=0)
        with threadpool_limits(1, "openmp"):  # its steps are short: more threads would wait for each other
            points = embedding.fit_transform(reduced).astype(np.float64)
    low, high = points.min(0), points.max(0)
    return Map(indices, 2 * (points - low) / np.where(high > low, high - low, 1) - 1)
