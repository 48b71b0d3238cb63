"""Loss and gradients by hand for chains of linear layers and activations, on the CPU.

What autograd computes, with the same kernels, less its bookkeeping and the memory that it takes anew in each step.
Autograd is the reference that a test holds this to.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from app.learning.descent import ByHand
from app.learning.losses import Loss

aten = torch.ops.aten


class _Buffers:
    """Memory that is used again in each step, one piece for each size of batch."""

    def __init__(self) -> None:
        self.kept: dict[tuple[int, ...], Tensor] = {}

    def like(self, rows: Tensor, width: int) -> Tensor:
        """Room for as many rows, each so wide; what it holds is undefined."""
        shape = len(rows), width
        if shape not in self.kept:
            self.kept[shape] = rows.new_empty(shape)
        return self.kept[shape]


class _Linear:
    """Y = XW + b. W lies in memory as (in, out), not as PyTorch's (out, in): XᵀG comes a seventh sooner."""

    def __init__(self, layer: nn.Linear) -> None:
        self.layer = layer
        layer.weight.data = layer.weight.data.t().contiguous().t()
        self.outputs, self.gradients = _Buffers(), _Buffers()
        self.ones: dict[int, Tensor] = {}

    def forward(self, x: Tensor) -> Tensor:
        w, b = self.layer.weight.t(), self.layer.bias
        self.x, y = x, self.outputs.like(x, w.shape[1])
        return torch.mm(x, w, out=y) if b is None else torch.addmm(b, x, w, out=y)

    def backward(self, g: Tensor) -> Tensor:
        """∂L/∂X = GWᵀ"""
        return torch.mm(g, self.layer.weight, out=self.gradients.like(g, self.layer.in_features))

    def learn(self, g: Tensor, descent: ByHand) -> None:
        """∂L/∂W = XᵀG and ∂L/∂b = Gᵀ1, each to where the descent wants it."""
        weight, bias = self.layer.weight, self.layer.bias
        if weight.requires_grad:
            to, beta, alpha = descent.place(weight)
            if beta == 0:  # `addmm_` would fill it first
                torch.mm(self.x.t(), g, out=to.t())
            else:
                to.t().addmm_(self.x.t(), g, beta=beta, alpha=alpha)
        if bias is not None and bias.requires_grad:
            to, beta, alpha = descent.place(bias)
            to.addmv_(g.t(), self._ones(g), beta=beta, alpha=alpha)

    def _ones(self, g: Tensor) -> Tensor:
        if len(g) not in self.ones:
            self.ones[len(g)] = g.new_ones(len(g))
        return self.ones[len(g)]


class _Activation:
    """One number at a time; its derivative follows from the outputs."""

    def __init__(self, layer: nn.Module) -> None:
        self.formula = ACTIVATIONS[type(layer)]
        self.outputs = _Buffers()

    def forward(self, x: Tensor) -> Tensor:
        self.y = self.formula.function(x, self.outputs.like(x, x.shape[1]))
        return self.y

    def backward(self, g: Tensor) -> Tensor:
        """In place: nobody else wants what came from above."""
        return self.formula.derivative(g, self.y)

    def learn(self, g: Tensor, descent: ByHand) -> None:
        """It has nothing to learn."""


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

    @staticmethod
    def fits(model: nn.Sequential) -> bool:
        """Whether the network is one."""
        return all(type(module) in (nn.Flatten, nn.Linear, *ACTIVATIONS) for module in modules(model))

    @torch.no_grad()
    def learn(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """The loss, a scalar, of inputs (N, …) and targets (N,); its gradient goes to the descent's places."""
        values = inputs.flatten(1)
        for link in self.links:
            values = link.forward(values)
        loss, gradient = self.loss.with_gradient(values, targets)
        for index in range(len(self.links) - 1, self.lowest - 1, -1):
            link, above = self.links[index], gradient
            if index > self.lowest:
                gradient = link.backward(above)  # before the weights change
            link.learn(above, self.descent)
        return loss
