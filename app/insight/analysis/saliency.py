"""Saliency of the numbers of an input: how much each one speaks for a class, or for a larger value.

The score of a class is its logit; where the network itself outputs probabilities, its probability. A regression's score
is its value in the target's units.
"""

from typing import Literal

import numpy as np
import torch
from torch import Tensor

from app.learning.serialization import Trained

Method = Literal["gradient", "integrated"]
STEPS = (16, 32, 64, 128, 256, 512, 1024)  # on the way from the baseline: as many as make the sum right
AT_ONCE = 32  # inputs of a backward pass, since each needs memory
TOLERANCE = 0.01  # of the difference between the scores at the input and at the baseline
CANCELLED = 0.001  # of the attributions' size: a smaller difference is what for and against leave of one another


def saliency(trained: Trained, x: Tensor, target: int, method: Method) -> Tensor:
    """The saliency of each number of one raw input (*input_shape) for the class `target`, in the input's shape.

    `gradient` is the change of the score for one unit more. `integrated` divides the difference between the score and
    that of the baseline among the numbers. A missing number is explained as what takes its place.
    """
    x = trained.prepare_inputs.filled(x.float())
    if method == "gradient":
        return score_and_gradient(trained, x[None], target)[1][0]
    start = baseline(trained)
    ends, _ = score_and_gradient(trained, torch.stack([start, x]), target)
    difference = float(ends[1] - ends[0])
    for steps in STEPS:
        attributions = integrated_gradients(trained, x, start, target, steps)
        error = abs(float(attributions.sum()) - difference)
        if error <= max(TOLERANCE * abs(difference), CANCELLED * float(attributions.abs().sum())):
            break
    return attributions


def baseline(trained: Trained) -> Tensor:
    """An input without content: a picture of the training pictures' border, or a row of the training's means."""
    empty = torch.zeros(trained.input_shape)
    return empty + torch.tensor(trained.prepare_inputs.shift) if trained.border is None else empty + trained.border


def integrated_gradients(trained: Trained, x: Tensor, start: Tensor, target: int, steps: int) -> Tensor:
    """(x − x₀)·∫₀¹ ∇f(x₀ + α(x − x₀)) dα, by Gauss–Legendre quadrature: it sums to f(x) − f(x₀).

    Sundararajan, Taly & Yan 2017, https://arxiv.org/abs/1703.01365.
    """
    between = np.polynomial.legendre.leggauss(steps)  # on [−1, 1]
    points, weights = (torch.from_numpy(values).float() for values in between)
    total = torch.zeros_like(x)
    for point, weight in zip(torch.split(points, AT_ONCE), torch.split(weights, AT_ONCE), strict=True):
        alpha = _column((point + 1) / 2, x)
        _, gradients = score_and_gradient(trained, start + alpha * (x - start), target)
        total += (_column(weight / 2, x) * gradients).sum(0)
    return (x - start) * total


def _column(values: Tensor, x: Tensor) -> Tensor:
    """Values (n,) in a shape that multiplies n inputs like `x`."""
    return values.reshape(-1, *[1] * x.dim())


def score_and_gradient(trained: Trained, inputs: Tensor, target: int) -> tuple[Tensor, Tensor]:
    """Scores (N,) of raw inputs (N, *input_shape), and their gradients with respect to the inputs."""
    trained.model.eval()
    inputs = inputs.detach().requires_grad_()
    outputs: Tensor = trained.model(trained.prepare_inputs.apply(inputs))
    if trained.task == "regression":
        scores = trained.prepare_targets.invert(outputs.squeeze(1))
    elif outputs.shape[1] > 1:
        scores = outputs[:, target]
    else:  # one output, which belongs to the second of two classes
        scores = outputs[:, 0] if target == 1 else trained.output_kind.complement(outputs[:, 0])
    (gradients,) = torch.autograd.grad(scores.sum(), inputs)
    return scores.detach(), gradients
