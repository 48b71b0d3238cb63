"""A network as chains of layers between which nothing comes in or goes out, and the linear stacks in them."""

import copy
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn

from app.learning.architecture import spread
from app.learning.fast_cpu.linear_chain import modules
from app.learning.layers import Layer, Shape
from app.learning.layers.activations import LeakyReLU
from app.learning.layers.structure import Placed, Residual, Sum, placed

Chain = list[tuple[str, Placed]]  # each layer with the pointer to it
MAPS = ("linear", "conv2d")  # Y = XW + b, of which the weights are learnt
AT_ONCE = 2**22  # numbers
AFFINE = (*MAPS, "avg_pool2d", "flatten", "batch_norm", "dropout")  # in evaluation


def chains(places: Iterable[Placed], pointer: str = "/model/layers") -> Iterator[Chain]:
    """The network's layers one after another, blocks opened; then what lies within each residual, likewise."""
    chain = list(spread(places, pointer, opened=("block",)))
    yield chain
    for here, place in chain:
        if isinstance(place.layer, Residual):
            yield from chains(placed(place.layer.layers, place.shape), f"{here}/layers")


def modules_of_chains(model: nn.Sequential) -> Iterator[list[nn.Module]]:
    """The modules of the layers of each of the `chains`, in the same order."""
    found = list(modules(model))
    yield found
    for module in found:
        if isinstance(module, Sum):
            yield from modules_of_chains(module.layers)


def affine(layer: Layer) -> bool:
    """Whether the layer, in evaluation, is a linear map and a shift."""
    if isinstance(layer, Residual):
        return all(affine(inner) for inner in layer.layers)
    return layer.type in AFFINE or (isinstance(layer, LeakyReLU) and layer.slope == 1)


@dataclass(frozen=True)
class LinearStack:
    """Linear layers with nothing nonlinear between them, from the first to the last."""

    chain: Chain
    start: int  # where it begins among the layers of its chain
    pointers: tuple[str, ...]  # of those that learn

    @property
    def shape(self) -> Shape:
        """Of what goes in."""
        return self.chain[0][1].shape

    @property
    def output_shape(self) -> Shape:
        """Of what comes out."""
        return self.chain[-1][1].output_shape

    @property
    def numbers(self) -> int:
        """How many the one layer has that computes the same."""
        return (prod(self.shape) + 1) * prod(self.output_shape)

    @property
    def parameters(self) -> int:
        """How many are learnt in its stead."""
        return sum(place.layer.parameters(place.shape) for _, place in self.chain)


def stacks(chain: Chain) -> Iterator[LinearStack]:
    """Those of a chain that have more than one layer that learns a map."""
    found: list[int] = []

    def stack() -> Iterator[LinearStack]:
        if len(found) > 1:
            pointers = tuple(chain[index][0] for index in found)
            yield LinearStack(chain[found[0] : found[-1] + 1], found[0], pointers)

    for index, (_, place) in enumerate(chain):
        if not affine(place.layer):
            yield from stack()
            found = []
        elif place.layer.type in MAPS:
            found.append(index)
    yield from stack()


@dataclass(frozen=True)
class OneLayer:
    """Y = XW + b: weight (inputs, outputs), bias (outputs,), in float64."""

    weight: Tensor
    bias: Tensor


@torch.no_grad()
def as_one_layer(parts: list[nn.Module], shape: Shape) -> OneLayer:
    """The one linear layer that computes what the parts do in evaluation, inputs (N, *shape) and outputs flattened.

    Whatever they are, as long as they are affine: f(0) is the bias, and f(eᵢ) − f(0) is row i of the weight. A few rows
    go through at once: what lies between the parts may be far wider than what comes out.
    """
    found = copy.deepcopy(nn.Sequential(*parts)).double().eval()
    inputs, zero = prod(shape), torch.zeros(1, *shape, dtype=torch.float64)
    widest, x = inputs, zero
    for part in found:
        x = part(x)
        widest = max(widest, x.numel())
    bias, weight = x.flatten(), torch.empty(inputs, x.numel(), dtype=torch.float64)
    for rows in torch.split(torch.arange(inputs), max(1, AT_ONCE // widest)):
        units = torch.zeros(len(rows), inputs, dtype=torch.float64)
        units[torch.arange(len(rows)), rows] = 1
        weight[rows] = found(units.reshape(len(rows), *shape)).flatten(1) - bias
    return OneLayer(weight, bias)
