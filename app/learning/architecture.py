"""From a list of layers to shapes, parameters and a module."""

import torch
from torch import nn

from app.learning.errors import InvalidChoice
from app.learning.layers import Layer, Linear, Shape

MAX_PARAMETERS = 10**8


def with_output_layer(layers: list[Layer], outputs: int) -> list[Layer]:
    """The layers, ending in one that gives `outputs` numbers.

    If the last layer that learns is already `linear` with as many units and at most a sigmoid or a softmax follows it,
    it is the output layer; else one is appended.
    """
    learning = [index for index, layer in enumerate(layers) if layer.has_parameters]
    if learning:
        last, after = layers[learning[-1]], layers[learning[-1] + 1 :]
        ends = [layer.type for layer in after] in ([], ["sigmoid"], ["softmax"])
        if isinstance(last, Linear) and last.units == outputs and ends:
            return layers
    return [*layers, Linear(units=outputs)]


def count_parameters(layers: list[Layer], input_shape: Shape) -> int:
    """How many numbers the network learns, without allocating one of them.

    Raises InvalidChoice when they are over `MAX_PARAMETERS`, naming the layer at which that happens.
    """
    total, shape = 0, input_shape
    for index, layer in enumerate(layers):
        total += layer.parameters(shape)
        if total > MAX_PARAMETERS:
            raise InvalidChoice(
                f"/model/layers/{index}",
                f"with this layer the network has {total:,} parameters; at most {MAX_PARAMETERS:,} can be trained here",
            )
        shape = layer.output_shape(shape)
    return total


def build(layers: list[Layer], input_shape: Shape) -> nn.Sequential:
    """The network as a module; inputs are (N, *input_shape), outputs (N, outputs), parameters PyTorch's default.

    The initial weights are drawn from torch's global generator: seed it first.
    """
    modules: list[nn.Module] = []
    shape = input_shape
    if len(shape) > 1:
        modules.append(nn.Flatten())
        shape = (torch.Size(shape).numel(),)
    for layer in layers:
        modules.append(layer.module(shape))
        shape = layer.output_shape(shape)
    return nn.Sequential(*modules)
