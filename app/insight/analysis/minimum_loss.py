"""Minimum loss: a lower bound that no training can reach below."""

from math import e, log

from app.learning.layers import Layer
from app.learning.losses import BinaryCrossEntropy, CrossEntropy, Loss


def minimum_loss(last: Layer, loss: Loss, outputs: int) -> float:
    """Minimum loss of an example, for a network with `outputs` outputs and the last layer `last`; 0 if unknown.

    Cross-entropy of numbers from 0 to 1 instead of logits is least at (0, …, 1, …, 0), where the softmax gives the
    right class e / (e + C − 1): ln(e + C − 1) − 1. With label smoothing the classes have target shares q, whose entropy
    is the minimum; where q exceeds what that softmax gives, the minimum is ln(e + C − 1) − q_y.
    """
    squashed = last.probabilities is not None
    if isinstance(loss, BinaryCrossEntropy):
        return log(1 + e) - 1 if squashed else 0.0
    if not isinstance(loss, CrossEntropy) or outputs < 2:
        return 0.0
    if loss.label_smoothing and loss.class_weights is not None:
        return 0.0  # the minimum differs from class to class
    wanted = 1 - loss.label_smoothing + loss.label_smoothing / outputs
    if squashed and wanted > e / (e + outputs - 1):
        return log(e + outputs - 1) - wanted
    other = loss.label_smoothing / outputs
    return -wanted * log(wanted) - ((outputs - 1) * other * log(other) if other else 0.0)
