"""Hand-written backpropagation for chains of linear layers and activations, on the CPU.

It calls the same kernels as autograd, without bookkeeping and allocation: the first batch of a size allocates memory
for all batches of that size and binds the calls of a step to it. Tests compare it with autograd.
"""

from collections.abc import Callable, Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from app.learning.architecture import flatten_modules
from app.learning.fast_cpu.batches import Batch, with_ones, with_room
from app.learning.fast_cpu.flat_parameters import FlatParameters
from app.learning.fast_cpu.updates import TargetedUpdate
from app.learning.losses import Loss

aten = torch.ops.aten
Call = Callable[[], object]


class _Linear:
    """Y = XW + b = [X 1]·[W; b]: the bias is the weight of an input that is always 1, so it needs no extra operation.

    In memory, W is (in, out), followed by b (`FlatParameters`).
    """

    def __init__(self, layer: nn.Linear) -> None:
        self.layer, self.width = layer, layer.out_features
        if not layer.weight.requires_grad:  # the update flattens only trainable parameters
            FlatParameters(list(layer.parameters()))

    def forward(self, x: Tensor, y: Tensor) -> Call:
        x, weights = self._inputs(x), self._weights(self.layer.weight)
        return lambda: torch.mm(x, weights, out=y)

    def backward(self, g: Tensor, y: Tensor) -> tuple[Tensor, Call]:
        """∂L/∂X = GWᵀ"""
        weight, below = self.layer.weight, g.new_empty(len(g), self.layer.in_features)
        return below, lambda: torch.mm(g, weight, out=below)

    def weight_gradient(self, x: Tensor, g: Tensor, update: TargetedUpdate) -> Iterator[Call]:
        """∂L/∂[W; b] = [X 1]ᵀG, written to the update's target."""
        if self.layer.weight.requires_grad:
            tensor, beta, alpha = update.target(self.layer.weight)
            xt, out = self._inputs(x).t(), self._weights(tensor)
            if beta == 0:  # `addmm_` would first fill `out` with zeros
                yield lambda: torch.mm(xt, g, out=out)
            else:
                yield lambda: out.addmm_(xt, g, beta=beta, alpha=alpha())

    def _inputs(self, x: Tensor) -> Tensor:
        """[X 1]; X if there is no bias."""
        return x if self.layer.bias is None else with_ones(x)

    def _weights(self, weight: Tensor) -> Tensor:
        """[W; b]; W if there is no bias."""
        w = weight.t()
        return w if self.layer.bias is None else w.as_strided((w.shape[0] + 1, w.shape[1]), w.stride())


class _Activation:
    """An elementwise function whose derivative follows from its outputs."""

    def __init__(self, layer: nn.Module) -> None:
        self.formula, self.width = ACTIVATIONS[type(layer)], None

    def forward(self, x: Tensor, y: Tensor) -> Call:
        function = self.formula.function
        return lambda: function(x, y)

    def backward(self, g: Tensor, y: Tensor) -> tuple[Tensor, Call]:
        """Overwrite the output's gradient in place, since it is not needed afterwards."""
        derivative = self.formula.derivative
        return g, lambda: derivative(g, y)

    def weight_gradient(self, x: Tensor, g: Tensor, update: TargetedUpdate) -> Iterator[Call]:
        """No calls, since an activation has no weights."""
        return iter(())


class Formula(NamedTuple):
    """`function(x, out)` computes the outputs y; `derivative(g, y)` turns ∂L/∂y into ∂L/∂x, in place."""

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


class LinearChain:
    """Forward and backward pass of a linear chain under a loss; gradients go to the update's targets."""

    def __init__(self, model: nn.Sequential, loss: Loss, update: TargetedUpdate) -> None:
        layers = [module for module in flatten_modules(model) if not isinstance(module, nn.Flatten)]
        self.links = [_Linear(layer) if isinstance(layer, nn.Linear) else _Activation(layer) for layer in layers]
        learning = [any(parameter.requires_grad for parameter in layer.parameters()) for layer in layers]
        self.lowest = learning.index(True)  # no gradient is needed below it
        self.loss, self.update = loss, update
        self.passes: dict[Batch, Callable[[], Tensor]] = {}

    @staticmethod
    def fits(model: nn.Sequential) -> bool:
        """True if the network is a chain of linear layers and activations."""
        return all(type(module) in (nn.Flatten, nn.Linear, *ACTIVATIONS) for module in flatten_modules(model))

    def loss_and_gradients(self, batch: Batch) -> Tensor:
        """The loss of a batch, a scalar; its gradients go to the update's targets."""
        with torch.inference_mode():  # skips autograd's dispatch, which matters for a step of one example
            run = self.passes.get(batch)
            if run is None:
                run = self.passes[batch] = self._bind(batch)
            return run()

    def _bind(self, batch: Batch) -> Callable[[], Tensor]:
        """Bind the calls of both passes to the batch's memory; they read the examples that it contains when called."""
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
                backward.append(call)  # before an in-place update changes the weights
            backward += link.weight_gradient(values[index], above, self.update)

        def run() -> Tensor:
            for call in forward:
                call()
            loss = with_gradient(outputs, batch.targets, top)
            for call in backward:
                call()
            return loss

        return run
