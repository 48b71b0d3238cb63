"""Distribution of the training inputs, with which the inputs of predictions are compared later."""

from dataclasses import asdict, dataclass
from typing import Any

import torch
from torch import Tensor

from app.learning.preprocessing import border, slices

EXAMPLES = 10_000  # of the training part: more would not make the figures more exact
MOST_COLUMNS = 1000  # of a table; the file of a wider one would consist of such figures
PICTURE_FEATURES = ("brightness", "contrast", "border")


@dataclass(frozen=True)
class Reference:
    """Mean and standard deviation of each feature over the training inputs."""

    mean: tuple[float, ...]
    spread: tuple[float, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, stored: dict[str, Any] | None) -> "Reference | None":
        return None if stored is None else cls(tuple(stored["mean"]), tuple(stored["spread"]))


def features(inputs: Tensor) -> Tensor:
    """Features (N, F), float64, of raw inputs (N, …): of pictures `PICTURE_FEATURES`, of rows their columns.

    Brightness is the mean of all pixels, contrast their standard deviation, border the mean of the outermost ones.
    """
    flat = inputs.double().flatten(1)
    if inputs.dim() != 4:
        return flat
    return torch.stack([flat.mean(1), flat.std(1, correction=0), border(inputs)], 1)


def fit_reference(inputs: Tensor, train: Tensor) -> Reference | None:
    """Fit the reference to the inputs (N, …) at the indices `train`; None for a table that is too wide."""
    if inputs.dim() != 4 and inputs.shape[1:].numel() > MOST_COLUMNS:
        return None
    known = torch.cat([features(chunk) for chunk in slices(inputs, train[:EXAMPLES])])
    mean = known.nanmean(0).nan_to_num(0.0)  # a column without any known value
    spread = (known - mean).square().nanmean(0).nan_to_num(0.0).sqrt()
    return Reference(tuple(mean.tolist()), tuple(spread.tolist()))
