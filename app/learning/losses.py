"""The losses, an entry each. Both average over the batch."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

Task = Literal["classification", "regression"]


@dataclass(frozen=True)
class Loss:
    """A loss: what it is called, which task it serves, its formula, its gradient with respect to the outputs, and what
    a constant prediction would score."""

    name: str
    task: Task
    formula: str
    function: Callable[[Tensor, Tensor], Tensor]
    gradient: Callable[[Tensor, Tensor], Tensor]
    of_best_constant: Callable[[Tensor], float]


def cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """L = −mean log softmax(logits)[target]; logits (N, C), targets (N,) int64."""
    return F.cross_entropy(logits, targets)


def cross_entropy_gradient(logits: Tensor, targets: Tensor) -> Tensor:
    """∂L/∂logits = (softmax(logits) − one-hot target) / N; (N, C)."""
    return logits.softmax(1).sub_(F.one_hot(targets, logits.shape[1])).div_(len(targets))


def class_entropy(targets: Tensor) -> float:
    """The cross-entropy of always predicting the classes' shares, in nats."""
    shares = torch.bincount(targets).double() / len(targets)
    return float(torch.special.entr(shares).sum())


def mse(predictions: Tensor, targets: Tensor) -> Tensor:
    """L = mean (ŷ − y)²; predictions (N, 1), targets (N,).

    The last dimension is taken away by name: (N, 1) − (N,) would broadcast to (N, N) in silence.
    """
    return F.mse_loss(predictions.squeeze(1), targets)


def mse_gradient(predictions: Tensor, targets: Tensor) -> Tensor:
    """∂L/∂ŷ = 2 (ŷ − y) / N; (N, 1)."""
    return (predictions - targets[:, None]).mul_(2 / len(targets))


def variance(targets: Tensor) -> float:
    """The MSE of always predicting the mean."""
    return float(targets.double().var(correction=0))


LOSSES: dict[str, Loss] = {
    loss.name: loss
    for loss in (
        Loss(
            "cross_entropy",
            "classification",
            "L = −Σ y_c log p_c,  p = softmax(logits)",
            cross_entropy,
            cross_entropy_gradient,
            class_entropy,
        ),
        Loss("mse", "regression", "L = 1/N Σ (ŷ − y)²", mse, mse_gradient, variance),
    )
}
DEFAULT_LOSS: dict[Task, str] = {"classification": "cross_entropy", "regression": "mse"}
