"""The least loss that can be had, whatever is learnt."""

from math import e, log

from app.learning.layers import Layer
from app.learning.losses import BinaryCrossEntropy, CrossEntropy, Loss


def minimum_loss(last: Layer, loss: Loss, outputs: int) -> float:
    """Of an example, under a network of so many outputs that ends in the layer `last`; 0 where nothing more is known.

    Cross-entropy of shares from 0 to 1 instead of logits is least at (0, …, 1, …, 0), where the softmax gives the
    right class e / (e + C − 1): ln(e + C − 1) − 1. With label smoothing the classes are wanted with shares q, whose
    entropy is the least there is; where q asks for more than that softmax gives, it is ln(e + C − 1) − q_y.
    """
    if isinstance(loss, BinaryCrossEntropy):
        return log(1 + e) - 1 if last.type in ("sigmoid", "softmax") else 0.0
    if not isinstance(loss, CrossEntropy) or outputs < 2:
        return 0.0
    if loss.label_smoothing and loss.class_weights is not None:
        return 0.0  # each class has another one
    wanted = 1 - loss.label_smoothing + loss.label_smoothing / outputs
    if last.type in ("softmax", "sigmoid") and wanted > e / (e + outputs - 1):
        return log(e + outputs - 1) - wanted
    other = loss.label_smoothing / outputs
    return -wanted * log(wanted) - ((outputs - 1) * other * log(other) if other else 0.0)
