"""Loss and gradients by hand for chains of linear layers and activations, on the CPU.

What autograd computes, with the same kernels, less its bookkeeping and the memory that it takes anew in each step:
two thirds of the time for a small network. Autograd is the reference that a test holds this to.
"""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn

from app.learning.losses import Loss

# From the gradient of the outputs and the outputs themselves to the gradient of the inputs.
DERIVATIVES: dict[type[nn.Module], Callable[[Tensor, Tensor], Tensor]] = {
    nn.ReLU: lambda gradient, outputs: torch.ops.aten.threshold_backward(gradient, outputs, 0),
    nn.Sigmoid: torch.ops.aten.sigmoid_backward,
    nn.Tanh: torch.ops.aten.tanh_backward,
}


def links(model: nn.Sequential) -> Iterator[nn.Module]:
    """The modules one after another, those of nested sequences too."""
    for module in model:
        if isinstance(module, nn.Sequential):
            yield from links(module)
        else:
            yield module


class Chain:
    """A network that is such a chain. Each parameter's `grad` is one tensor for good, written over in each step."""

    def __init__(self, model: nn.Sequential, loss: Loss) -> None:
        self.layers = [module for module in links(model) if not isinstance(module, nn.Flatten)]
        self.loss = loss
        learning = [
            index for index, layer in enumerate(self.layers) if any(p.requires_grad for p in layer.parameters())
        ]
        self.lowest = learning[0]  # nobody asks for gradients below it
        for parameter in model.parameters():
            if parameter.requires_grad:
                parameter.grad = torch.empty_like(parameter)

    @staticmethod
    def fits(model: nn.Sequential) -> bool:
        """Whether the network is one."""
        return all(type(module) in (nn.Flatten, nn.Linear, *DERIVATIVES) for module in links(model))

    @torch.no_grad()
    def learn(self, inputs: Tensor, targets: Tensor) -> Tensor:
        """The loss, a scalar; its gradient lies in the parameters' `grad`. Inputs (N, …), targets (N,)."""
        values = [inputs.flatten(1)]
        for layer in self.layers:
            values.append(layer(values[-1]))
        gradient = self.loss.gradient(values[-1], targets)
        for index in range(len(self.layers) - 1, self.lowest - 1, -1):
            layer = self.layers[index]
            if isinstance(layer, nn.Linear):
                if layer.weight.grad is not None:
                    torch.mm(gradient.t(), values[index], out=layer.weight.grad)
                if layer.bias is not None and layer.bias.grad is not None:
                    torch.sum(gradient, 0, out=layer.bias.grad)
                if index > self.lowest:
                    gradient = gradient @ layer.weight
            else:
                gradient = DERIVATIVES[type(layer)](gradient, values[index + 1])
        return self.loss.function(values[-1], targets)
