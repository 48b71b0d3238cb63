"""Predictions of a trained network for the examples of a part of its dataset, the most telling ones first."""

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from app.datasets.arrays import Arrays
from app.datasets.splits import Indices, SplitSpec, stored_split
from app.errors import Conflict
from app.learning.preprocessing import at_once
from app.learning.serialization import Trained, from_safetensors
from app.storage.files import Files

MOST_PRODUCTS = 2 * 10**11  # multiply-adds: some seconds of a core


@dataclass(frozen=True)
class PartPredictions:
    """Predictions of n examples, at `indices` in their dataset.

    Classification: `targets` and `predicted` are indices of classes, `probability` is that of the predicted one; the
    most certain come first. Regression: they are values, and the largest error comes first. All are (n,).
    """

    indices: Indices
    targets: NDArray[Any]
    predicted: NDArray[Any]
    probability: NDArray[np.float32] | None

    def at(self, chosen: NDArray[np.bool_] | NDArray[np.int64]) -> "PartPredictions":
        """The predictions of some examples: chosen by a mask, or by their places in the wanted order."""
        probability = None if self.probability is None else self.probability[chosen]
        return PartPredictions(self.indices[chosen], self.targets[chosen], self.predicted[chosen], probability)


@lru_cache(16)  # a page asks for one cell of the confusion matrix after another; none of these files ever changes
def part_predictions(files: Files, weights: str, folder: str, spec: SplitSpec, part: str) -> PartPredictions:
    """Predictions of the network in a weights file for a part of the dataset in `folder`.

    Raises Conflict if that would take long, and FileNotFoundError.
    """
    trained, arrays = from_safetensors(files.read(weights)), Arrays.load(files, folder)
    indices: Indices = getattr(stored_split(files, folder, arrays, spec, keep=False), part)
    if len(indices) * trained.multiply_adds > MOST_PRODUCTS:
        raise Conflict("part_takes_long", part=part, examples=len(indices))
    targets = arrays.targets[indices]
    predicted, probability = _predicted(trained, arrays, indices)
    doubt = np.abs(predicted - targets) if probability is None else probability
    order = np.argsort(-np.nan_to_num(doubt, nan=np.inf), kind="stable")
    whole = PartPredictions(indices, targets, predicted, probability)
    return whole.at(order)


def _predicted(trained: Trained, arrays: Arrays, indices: Indices) -> tuple[NDArray[Any], NDArray[np.float32] | None]:
    """Classes and their probabilities, or values and None, of the examples at `indices`, in chunks."""
    count = at_once(torch.empty(0, *arrays.shape))
    chunks = [torch.from_numpy(arrays.inputs[some]) for some in np.split(indices, range(count, len(indices), count))]
    if trained.task == "regression":
        return torch.cat([trained.outputs(chunk) for chunk in chunks]).numpy(), None
    labels, probabilities = [], []
    for chunk in chunks:
        outputs = trained.outputs(chunk)
        label = trained.output_kind.labels(outputs)
        labels.append(label)
        probabilities.append(trained.output_kind.probabilities(outputs).gather(1, label[:, None]).squeeze(1))
    return torch.cat(labels).numpy(), torch.cat(probabilities).float().numpy()
