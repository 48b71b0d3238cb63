"""Drift: inputs of predictions that differ from those of the training, in words."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import sqrt

from torch import Tensor

from app.learning.reference import PICTURE_FEATURES, Reference, features
from app.messages import Message

FEWEST, NEWEST = 50, 100  # inputs to judge by
ERRORS = 6.0  # standard errors of the mean that are no chance: one in 10⁹, for the thousands of times that one looks
CLIPPED = 3.0  # standard deviations; a single outlier is no drift
TINY = 1e-6  # of the mean: the spread of a constant column is at least this
WHITE = 255


@dataclass(frozen=True)
class FeatureSeen:
    """A feature's mean over the newest inputs, and its mean and standard deviation in the training."""

    name: str
    seen: float
    mean: float
    spread: float
    has_drifted: bool


def compare(reference: Reference, inputs: Tensor, names: Sequence[str] = ()) -> list[FeatureSeen]:
    """Compare the features of raw inputs (N, …) with the training's; `names` are those of a table's columns.

    A feature has drifted if its mean is `ERRORS` standard errors away. Missing values do not count.
    """
    known = features(inputs)
    mean = known.new_tensor(reference.mean)
    spread = known.new_tensor(reference.spread).maximum(TINY * mean.abs().clamp(min=TINY))
    away = ((known - mean) / spread).clamp(-CLIPPED, CLIPPED).nanmean(0).nan_to_num(0.0)
    drifted = (away.abs() > ERRORS / sqrt(len(known))).tolist()
    of_picture = inputs.dim() == 4
    named = PICTURE_FEATURES if of_picture else [*names] or [f"column {place}" for place in range(known.shape[1])]
    seen = known.nanmean(0).nan_to_num(0.0).tolist()
    columns = zip(named, seen, reference.mean, reference.spread, drifted, strict=True)
    return [FeatureSeen(*column) for column in columns]


def in_words(seen: Sequence[FeatureSeen]) -> list[Message]:
    """Messages about what has drifted. Swapped black and white explain all that a picture shows."""
    by_name = {feature.name: feature for feature in seen}
    edge = by_name.get(PICTURE_FEATURES[-1])
    if tuple(by_name) == PICTURE_FEATURES and edge is not None and edge.has_drifted and _is_swapped(edge):
        return [Message.of("drift_inverted", seen=edge.seen, mean=edge.mean)]
    return [
        Message.of("drift_of_feature", feature=item.name, seen=item.seen, mean=item.mean, spread=item.spread)
        for item in seen if item.has_drifted
    ]  # fmt: skip


def _is_swapped(edge: FeatureSeen) -> bool:
    return abs(WHITE - edge.seen - edge.mean) < abs(edge.seen - edge.mean)
