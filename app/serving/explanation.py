"""Explanation of predictions: how much each number of an input speaks for a class, or for a larger value."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from numpy.typing import NDArray

from app.errors import Invalid
from app.insight.analysis.saliency import Method, saliency
from app.learning.serialization import Trained
from app.serving.scores import Row, Scores

MOST = 16  # inputs, since each needs up to thousands of passes
DIGITS = 6


@dataclass(frozen=True)
class Saliency:
    """The saliency of one input, in its shape. `target` is the class; None for a value."""

    target: str | None
    values: list[Any]


def explain(
    trained: Trained, inputs: NDArray[Any], rows: Sequence[Row], method: Method, target: str | None
) -> list[Saliency]:
    """The saliency of each input (n, *input_shape) for the class `target`; by default for the predicted one.

    Raises Invalid.
    """
    if len(inputs) > MOST:
        raise Invalid("too_many_to_explain", "explain", count=len(inputs), limit=MOST)
    if target is not None and target not in trained.classes:
        raise Invalid("no_such_class", "target", label=target, classes=trained.classes)
    explained = []
    for values, row in zip(torch.from_numpy(inputs), rows, strict=True):
        place = row.label if isinstance(row, Scores) else 0
        if target is not None:
            place = trained.classes.index(target)
        found = saliency(trained, values, place, method).double().numpy().round(DIGITS)
        explained.append(Saliency(trained.classes[place] if trained.classes else None, found.tolist()))
    return explained
