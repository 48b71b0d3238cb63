"""What the numbers mean that a network for classes gives: logits or probabilities, one a class or one for two."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from app.learning.layers import Layer
from app.learning.losses import BinaryCrossEntropy, Loss

Kind = Literal["logits", "probabilities", "binary logits", "values"]


@dataclass(frozen=True)
class OutputKind:
    """The kind of the outputs (N, C), or (N, 1) for two classes of which it is the second's; `threshold` is for the
    latter: the second class is predicted from this probability on."""

    kind: Kind
    threshold: float = 0.5

    def probabilities(self, outputs: Tensor) -> Tensor:
        """Those of the classes, (N, C) in float64; a row sums to 1. No softmax or sigmoid is applied that the network
        has applied itself."""
        found = outputs.double()
        if self.kind == "logits":
            return found.softmax(1)
        if self.kind == "binary logits":
            return torch.cat([(-found).sigmoid(), found.sigmoid()], 1)
        if found.shape[1] == 1:
            return torch.cat([1 - found, found], 1)
        return found / found.sum(1, keepdim=True)  # float32 sums to 1 within its own rounding only

    def labels(self, outputs: Tensor) -> Tensor:
        """The class predicted, (N,) int64."""
        if outputs.shape[1] == 1:
            return (self.probabilities(outputs)[:, 1] >= self.threshold).long()
        return outputs.argmax(1)


def output_kind(layers: Sequence[Layer], loss: Loss) -> OutputKind:
    """What a network of these layers gives that is trained with this loss."""
    last = layers[-1].type if layers else None
    if loss.task == "regression":
        return OutputKind("values")
    if isinstance(loss, BinaryCrossEntropy):
        return OutputKind("probabilities" if last == "sigmoid" else "binary logits", loss.threshold)
    return OutputKind("probabilities" if last == "softmax" else "logits")
