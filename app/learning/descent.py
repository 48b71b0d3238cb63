"""Where a gradient goes when it is made by hand, and the step that follows from it.

Usually it is kept in the parameters' `grad`, and the optimizer takes its step from there. Momentum and plain gradient
descent do without that: the matrix product that makes the gradient adds it to the velocity, or to the weights
themselves, in the same pass. At one example a step that is most of the work.
"""

from collections.abc import Iterator
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from app.learning.optimizers import SGD, Momentum, Optimizer


class Place(NamedTuple):
    """`tensor` ← beta · `tensor` + alpha · gradient"""

    tensor: Tensor
    beta: float
    alpha: float


class Descent(Protocol):
    """Where each parameter's gradient goes, and what is left to do when all have arrived."""

    def place(self, parameter: Tensor) -> Place: ...

    def step(self) -> None: ...


class Stored:
    """Into `grad`, for the optimizer."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.optimizer = optimizer

    def place(self, parameter: Tensor) -> Place:
        if parameter.grad is None:
            parameter.grad = torch.empty_like(parameter)
        return Place(parameter.grad, 0.0, 1.0)

    def step(self) -> None:
        self.optimizer.step()


class IntoVelocity:
    """v ← μv + g as the gradient arrives; then θ ← θ − ηv. The velocities are the optimizer's own."""

    def __init__(self, optimizer: torch.optim.Optimizer, momentum: float) -> None:
        self.optimizer, self.momentum = optimizer, momentum

    def place(self, parameter: Tensor) -> Place:
        state = self.optimizer.state[parameter]
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(parameter)
        return Place(state["momentum_buffer"], self.momentum, 1.0)

    @torch.no_grad()
    def step(self) -> None:
        for parameter, lr in learning_rates(self.optimizer):
            parameter.add_(self.optimizer.state[parameter]["momentum_buffer"], alpha=-lr)


class IntoWeights:
    """θ ← θ − ηg as the gradient arrives."""

    def __init__(self, optimizer: torch.optim.Optimizer) -> None:
        self.optimizer = optimizer
        self.group = {
            parameter: index for index, group in enumerate(optimizer.param_groups) for parameter in group["params"]
        }

    def place(self, parameter: Tensor) -> Place:
        return Place(parameter.data, 1.0, -self.optimizer.param_groups[self.group[parameter]]["lr"])

    def step(self) -> None:
        """Nothing is left to do."""


def learning_rates(optimizer: torch.optim.Optimizer) -> Iterator[tuple[Tensor, float]]:
    """Each parameter with its learning rate now."""
    for group in optimizer.param_groups:
        for parameter in group["params"]:
            yield parameter, group["lr"]


def descent(entry: Optimizer, optimizer: torch.optim.Optimizer) -> Descent:
    """The shortest way to the optimizer's step from gradients that are made by hand and used as they are."""
    match entry:
        case SGD(weight_decay=0):
            return IntoWeights(optimizer)
        case Momentum(weight_decay=0, dampening=0, nesterov=False):
            return IntoVelocity(optimizer, entry.momentum)
    return Stored(optimizer)
