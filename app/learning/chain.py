"""Loss and gradients by hand for chains of linear layers and activations, on the CPU.

What autograd computes, with the same kernels, less its bookkeeping and the memory that it takes anew in each step: the
first batch of a size lays out memory for all batches of that size, and binds the calls of a step to it. Autograd is the
reference that a test holds this to.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from app.learning.data import Batch
from app.learning.descent import ByHand
from app.learning.losses import Loss

aten = torch.ops.aten
Call = Callable[[], object]


class _Linear:
    """Y = XW + b. W lies in memory as (in, out), not as PyTorch's (out, in): XᵀG comes a seventh sooner."""

    def __init__(self, layer: nn.Linear) -> None:
        self.layer = layer
        layer.weight.data = layer.weight.data.t().contiguous().t()

    def forward(self, x: Tensor) -> tuple[Tensor, Call]:
        w, b = self.layer.weight.t(), self.layer.bias
        y = x.new_empty(len(x), self.layer.out_features)
        if b is None:
            return y, lambda: torch.mm(x, w, out=y)
        return y, lambda: torch.addmm(b, x, w, out=y)

    def backward(self, g: Tensor, y: Tensor) -> tuple[Tensor, Call]:
        """∂L/∂X = GWᵀ"""
        weight, below = self.layer.weight, g.new_empty(len(g), self.layer.in_features)
        return below, lambda: torch.mm(g, weight, out=below)

    def learn(self, x: Tensor, g: Tensor, descent: ByHand) -> Iterator[Call]:
        """∂L/∂W = XᵀG and ∂L/∂b = Gᵀ1, each to where the descent wants it."""
        weight, bias = self.layer.weight, self.layer.bias
        if weight.requires_grad:
            yield _product(descent, weight, x, g)
        if bias is not None and bias.requires_grad:
            yield _sum(descent, bias, g)


def _product(descent: ByHand, weight: Tensor, x: Tensor, g: Tensor) -> Call:
    place, beta, alpha = descent.place(weight)
    to, xt = place.t(), x.t()
    if beta == 0:  # `addmm_` would fill it first
        return lambda: torch.mm(xt, g, out=to)
    return lambda: to.addmm_(xt, g, beta=beta, alpha=alpha())


def _sum(descent: ByHand, bias: Tensor, g: Tensor) -> Call:
    to, beta, alpha = descent.place(bias)
    gt, ones = g.t(), g.new_ones(len(g))
    return lambda: to.addmv_(gt, ones, beta=beta, alpha=alpha())


class _Activation:
    """One number at a time; its derivative follows from the outputs."""

    def __init__(self, layer: nn.Module) -> None:
        self.formula = ACTIVATIONS[type(layer)]

    def forward(self, x: Tensor) -> tuple[Tensor, Call]:
        function, y = self.formula.function, torch.empty_like(x)
        return y, lambda: function(x, y)

    def backward(self, g: Tensor, y: Tensor) -> tuple[Tensor, Call]:
        """In place: nobody else wants what came from above."""
        derivative = self.formula.derivative
        return g, lambda: derivative(g, y)

    def learn(self, x: Tensor, g: Tensor, descent: ByHand) -> Iterator[Call]:
        """It has nothing to learn."""
        return iter(())


class Formula(NamedTuple):
    """`function(x, out)` gives the outputs y; `derivative(g, y)` makes of the gradient by y that by x, in place."""

    function: Callable[[Tensor, Tensor], Tensor]
    derivative: Callable[[Tensor, Tensor], Tensor]


ACTIVATIONS: dict[type[nn.Module], Formula] = {
    nn.ReLU: Formula(
        lambda x, out: torch.clamp_min(x, 0, out=out),
        lambda g, y: aten.threshold_backward.grad_input(g, y, 0, grad_input=g),
    ),
    nn.Sigmoid: Formula(
        lambda x, out: torch.sigmoid(x, out=out),
        lambda g, y: aten.sigmoid_backward.grad_input(g, y, grad_input=g),
    ),
    nn.Tanh: Formula(
        lambda x, out: torch.tanh(x, out=out),
        lambda g, y: aten.tanh_backward.grad_input(g, y, grad_input=g),
    ),
}


def modules(model: nn.Sequential) -> Iterator[nn.Module]:
    """Those one after another, of nested sequences too."""
    for module in model:
        if isinstance(module, nn.Sequential):
            yield from modules(module)
        else:
            yield module


class Chain:
    """A network that is such a chain, under a loss; its gradients go where the descent wants them."""

    def __init__(self, model: nn.Sequential, loss: Loss, descent: ByHand) -> None:
        found = [module for module in modules(model) if not isinstance(module, nn.Flatten)]
        self.links = [_Linear(module) if isinstance(module, nn.Linear) else _Activation(module) for module in found]
        learning = [any(parameter.requires_grad for parameter in module.parameters()) for module in found]
        self.lowest = learning.index(True)  # nobody asks for gradients below it
        self.loss, self.descent = loss, descent
        self.steps: dict[Batch, Callable[[], Tensor]] = {}

    @staticmethod
    def fits(model: nn.Sequential) -> bool:
        """Whether the network is one."""
        return all(type(module) in (nn.Flatten, nn.Linear, *ACTIVATIONS) for module in modules(model))

    def learn(self, batch: Batch) -> Tensor:
        """The loss of a batch, a scalar; its gradient goes to the descent's places."""
        with torch.inference_mode():  # autograd is not even passed through, which a step of one example feels
            step = self.steps.get(batch)
            if step is None:
                step = self.steps[batch] = self._bound(batch)
            return step()

    def _bound(self, batch: Batch) -> Callable[[], Tensor]:
        """The step on whatever examples the batch's memory holds by then."""
        values, forward = [batch.inputs.flatten(1)], []
        for link in self.links:
            y, call = link.forward(values[-1])
            values.append(y)
            forward.append(call)
        outputs, with_gradient = values[-1], self.loss.with_gradient
        top = gradient = torch.empty_like(outputs)
        backward: list[Call] = []
        for index in range(len(self.links) - 1, self.lowest - 1, -1):
            link, above = self.links[index], gradient
            if index > self.lowest:
                gradient, call = link.backward(above, values[index + 1])
                backward.append(call)  # before the weights change
            backward += link.learn(values[index], above, self.descent)

        def step() -> Tensor:
            for call in forward:
                call()
            loss = with_gradient(outputs, batch.targets, top)
            for call in backward:
                call()
            return loss

        return step
