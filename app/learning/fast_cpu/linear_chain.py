"""Loss and gradients by hand for chains of linear layers and activations, on the CPU.

What autograd computes, with the same kernels, less its bookkeeping and the memory that it takes anew in each step: the
first batch of a size lays out memory for all batches of that size, and binds the calls of a step to it. Autograd is the
reference that a test holds this to.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from app.learning.data import Batch, with_ones, with_room
from app.learning.fast_cpu.updates import FlatParameters, TargetedUpdate
from app.learning.losses import Loss

aten = torch.ops.aten
Call = Callable[[], object]


class _Linear:
    """Y = XW + b = [X 1]·[W; b]: a bias is the weight of an input that is always 1, and costs no pass of its own.

    W lies in memory as (in, out), not as PyTorch's (out, in), since XᵀG comes a seventh sooner; b lies behind it.
    """

    def __init__(self, layer: nn.Linear) -> None:
        self.layer, self.width = layer, layer.out_features
        if not layer.weight.requires_grad:  # else the descent has laid them out
            FlatParameters(list(layer.parameters()))

    def forward(self, x: Tensor, y: Tensor) -> Call:
        x, weights = self._inputs(x), self._weights(self.layer.weight)
        return lambda: torch.mm(x, weights, out=y)

    def backward(self, g: Tensor, y: Tensor) -> tuple[Tensor, Call]:
        """∂L/∂X = GWᵀ"""
        weight, below = self.layer.weight, g.new_empty(len(g), self.layer.in_features)
        return below, lambda: torch.mm(g, weight, out=below)

    def learn(self, x: Tensor, g: Tensor, descent: TargetedUpdate) -> Iterator[Call]:
        """∂L/∂[W; b] = [X 1]ᵀG, to where the descent wants it."""
        if self.layer.weight.requires_grad:
            place, beta, alpha = descent.place(self.layer.weight)
            xt, to = self._inputs(x).t(), self._weights(place)
            if beta == 0:  # `addmm_` would fill it first
                yield lambda: torch.mm(xt, g, out=to)
            else:
                yield lambda: to.addmm_(xt, g, beta=beta, alpha=alpha())

    def _inputs(self, x: Tensor) -> Tensor:
        """[X 1]; X where there is no bias."""
        return x if self.layer.bias is None else with_ones(x)

    def _weights(self, weight: Tensor) -> Tensor:
        """[W; b]; W where there is no bias."""
        w = weight.t()
        return w if self.layer.bias is None else w.as_strided((w.shape[0] + 1, w.shape[1]), w.stride())


class _Activation:
    """One number at a time; its derivative follows from the outputs."""

    def __init__(self, layer: nn.Module) -> None:
        self.formula, self.width = ACTIVATIONS[type(layer)], None

    def forward(self, x: Tensor, y: Tensor) -> Call:
        function = self.formula.function
        return lambda: function(x, y)

    def backward(self, g: Tensor, y: Tensor) -> tuple[Tensor, Call]:
        """In place: nobody else wants what came from above."""
        derivative = self.formula.derivative
        return g, lambda: derivative(g, y)

    def learn(self, x: Tensor, g: Tensor, descent: TargetedUpdate) -> Iterator[Call]:
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


class LinearChain:
    """A network that is such a chain, under a loss; its gradients go where the descent wants them."""

    def __init__(self, model: nn.Sequential, loss: Loss, descent: TargetedUpdate) -> None:
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
            x = values[-1]
            y = x.new_empty(len(x), link.width or x.shape[1])
            values.append(y if link is self.links[-1] else with_room(y))
            forward.append(link.forward(x, values[-1]))
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
