"""A network as chains of layers without branches between them, and the linear stacks in each chain."""

import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn

from app.learning.architecture import flatten_layers, flatten_modules
from app.learning.layers import LayerShape, Shape
from app.learning.layers.structure import Sum, infer_rounds

Chain = list[tuple[str, LayerShape]]  # each layer with the pointer to it
CHUNK = 2**22  # numbers in memory while the rows of the equivalent matrix are computed


def chains(places: Iterable[LayerShape], pointer: str = "/model/layers") -> Iterator[Chain]:
    """The network's layers one after another, with blocks opened; then the chains within each residual."""
    chain = list(flatten_layers(places, pointer, opened=("sequence",)))
    yield chain
    for here, place in chain:
        for inner in infer_rounds(place.layer, place.shape):
            yield from chains(inner, f"{here}/layers")


def modules_of_chains(model: nn.Sequential) -> Iterator[list[nn.Module]]:
    """Modules of the layers of each chain, in the order of `chains`."""
    chain = list(flatten_modules(model))
    yield chain
    for module in chain:
        if isinstance(module, Sum):
            yield from modules_of_chains(module.layers)


@dataclass(frozen=True)
class LinearStack:
    """Linear maps with nothing nonlinear between them, from the first to the last."""

    chain: Chain
    start: int  # index of its first layer in the whole chain
    pointers: tuple[str, ...]  # to the linear maps

    @property
    def shape(self) -> Shape:
        """Shape of the input."""
        return self.chain[0][1].shape

    @property
    def output_shape(self) -> Shape:
        """Shape of the output."""
        return self.chain[-1][1].output_shape

    @property
    def numbers(self) -> int:
        """Number of parameters of the one layer that computes the same."""
        return (prod(self.shape) + 1) * prod(self.output_shape)

    @property
    def parameters(self) -> int:
        """Number of parameters that the stack has instead."""
        return sum(place.layer.parameters(place.shape) for _, place in self.chain)


def stacks(chain: Chain) -> Iterator[LinearStack]:
    """Linear stacks of a chain: all that have more than one linear map."""
    maps: list[int] = []

    def stack() -> Iterator[LinearStack]:
        if len(maps) > 1:
            pointers = tuple(chain[index][0] for index in maps)
            yield LinearStack(chain[maps[0] : maps[-1] + 1], maps[0], pointers)

    for index, (_, place) in enumerate(chain):
        if not place.layer.affine:
            yield from stack()
            maps = []
        elif place.layer.role == "linear map":
            maps.append(index)
    yield from stack()


@dataclass(frozen=True)
class OneLayer:
    """Y = XW + b: weight (inputs, outputs), bias (outputs,), in float64."""

    weight: Tensor
    bias: Tensor


@torch.no_grad()
def as_one_layer(parts: list[nn.Module], shape: Shape) -> OneLayer:
    """The one linear layer that computes the same as affine `parts` in evaluation, for inputs (N, *shape), flattened.

    f(0) is the bias, and f(eᵢ) − f(0) is row i of the weight. Rows are computed in chunks, since the values between the
    parts may be far wider than the outputs.
    """
    network = copy.deepcopy(nn.Sequential(*parts)).double().eval()
    inputs, zero = prod(shape), torch.zeros(1, *shape, dtype=torch.float64)
    widest, x = inputs, zero
    for part in network:
        x = part(x)
        widest = max(widest, x.numel())
    bias, weight = x.flatten(), torch.empty(inputs, x.numel(), dtype=torch.float64)
    for rows in torch.split(torch.arange(inputs), max(1, CHUNK // widest)):
        units = torch.zeros(len(rows), inputs, dtype=torch.float64)
        units[torch.arange(len(rows)), rows] = 1
        weight[rows] = network(units.reshape(len(rows), *shape)).flatten(1) - bias
    return OneLayer(weight, bias)
