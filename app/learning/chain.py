"""Loss and gradients by hand for chains of linear layers and activations, on the CPU.

What autograd computes, with the same kernels, less its bookkeeping and the memory that it takes anew in each step:
two thirds of the time for a small network. Autograd is the reference that a test holds this to.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from app.learning.losses import Loss

# From the gradient of the outputs and the outputs themselves to the gradient of the inputs.
DERIVATIVES: dict[type[nn.Module], Callable[[Tensor, Tensor], Tensor]] = {
    nn.ReLU: lambda gradient, outputs: torch.ops.aten.threshold_backward(gradient, outputs, 0),
    nn.Sigmoid: torch.ops.aten.sigmoid_backward,
    nn.Tanh: torch.ops.aten.tanh_backward,
}


class Chain:
    """A network that is such a chain. Each parameter's `grad` is one tensor for good, written over in each step."""

    def __init__(self, model: nn.Sequential, loss: Loss) -> None:
        self.layers = [module for module in model if not isinstance(module, nn.Flatten)]
        self.loss = loss
        for parameter in model.parameters():
            parameter.grad = torch.empty_like(parameter)

    @staticmethod
    def fits(model: nn.Sequential) -> bool:
        """Whether the network is one."""
        return all(type(module) in (nn.Flatten, nn.Linear, *DERIVATIVES) for module in model)

    @torch.no_grad()
    def learn(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """The loss, a scalar; its gradient lies in the parameters' `grad`. Inputs (N, …), targets (N,)."""
        values = [inputs.flatten(1)]
        for layer in self.layers:
            values.append(layer(values[-1]))
        gradient = self.loss.gradient(values[-1], targets)
        for index, layer in reversed(list(enumerate(self.layers))):
            if isinstance(layer, nn.Linear):
                torch.mm(gradient.t(), values[index], out=layer.weight.grad)
                torch.sum(gradient, 0, out=layer.bias.grad)
                if index > 0:  # nobody asks for the gradient of the data
                    gradient = gradient @ layer.weight
            else:
                gradient = DERIVATIVES[type(layer)](gradient, values[index + 1])
        return self.loss.function(values[-1], targets)
