"""How many bytes a network takes while it learns and while it predicts, without allocating one of them.

What autograd keeps for the way back follows from each layer's derivative: a linear layer's wants its input, a sigmoid's
its output. A test holds the rules to what PyTorch keeps. Numbers are float32, positions of maxima int64.
"""

from dataclasses import dataclass, field
from math import prod

import torch
from torch.nn import Parameter

from app.learning.architecture import rows, spread
from app.learning.layers import Layer, Shape
from app.learning.layers.convolution import Conv2d
from app.learning.layers.regularisation import Dropout
from app.learning.layers.structure import Block, Placed, Residual, placed
from app.learning.optimizers import Optimizer

FLOAT, INDEX = 4, 8


@dataclass(frozen=True)
class Memory:
    """In bytes. A training takes the first four together; a prediction the first and the last."""

    parameters: int
    gradients: int
    optimizer_state: int
    saved_for_backward: int
    inference: int


def memory(layers: list[Layer], input_shape: Shape, batch_size: int, optimizer: Optimizer, limit: int) -> Memory:
    """Of a network whose output layer is among the layers. Raises InvalidChoice as `rows` does."""
    places = rows(layers, input_shape, limit)
    opened = [place for _, place in spread(places)]
    frozen = sum(place.layer.parameters(place.shape) for place in opened if not _trainable(place.layer))
    parameters = sum(place.layer.parameters(place.shape) for place in places)
    learnt = parameters - frozen
    tape = _Tape()
    tape.through(places, _Values(prod(input_shape), gradient=False))
    return Memory(
        parameters=FLOAT * parameters,
        gradients=FLOAT * learnt,
        optimizer_state=FLOAT * learnt * numbers_a_parameter(optimizer),
        saved_for_backward=batch_size * tape.bytes_an_example() + tape.bytes_a_batch,
        inference=batch_size * FLOAT * (prod(input_shape) + peak(places)),
    )


def numbers_a_parameter(optimizer: Optimizer) -> int:
    """How many the optimizer keeps beside each parameter: it is asked to step once, and looked at."""
    parameter = Parameter(torch.zeros(2))
    parameter.grad = torch.ones(2)
    built = optimizer.build([parameter])
    built.step()
    kept = (value for state in built.state.values() for value in state.values())
    return sum(isinstance(value, torch.Tensor) and value.shape == parameter.shape for value in kept)


def _trainable(layer: Layer) -> bool:
    return bool(getattr(layer, "trainable", True))


@dataclass(frozen=True, eq=False)
class _Values:
    """What is between two layers: how many numbers an example, whether gradients come back to them, and whether
    channels lie innermost in memory, as convolutions like it."""

    numbers: int
    gradient: bool
    innermost: bool = False


@dataclass
class _Tape:
    """What autograd keeps: values as they are, each once however many layers ask for them, and more beside them."""

    kept: dict[_Values, int] = field(default_factory=dict)
    beside: int = 0  # bytes an example
    bytes_a_batch: int = 0

    def bytes_an_example(self) -> int:
        return self.beside + FLOAT * sum(self.kept.values())

    def keep(self, values: _Values) -> None:
        self.kept[values] = values.numbers

    def through(self, places: tuple[Placed, ...], x: _Values) -> _Values:
        """Put the layers on the tape, one after another; what comes out."""
        for place in places:
            x = self._layer(place, x)
        return x

    def _layer(self, place: Placed, x: _Values) -> _Values:
        layer, numbers = place.layer, prod(place.output_shape)
        match layer:
            case Block(layers=inner, repeat=repeat):
                shape = place.shape
                for _ in range(repeat):
                    within = placed(inner, shape)
                    x, shape = self.through(within, x), within[-1].output_shape
                return x
            case Residual(layers=inner):
                y = self.through(placed(inner, place.shape), x)
                if place.output_shape != place.shape:  # the projection learns, from the same input
                    self.keep(x)
                    return _Values(numbers, True, y.innermost)
                return _Values(numbers, x.gradient or y.gradient, y.innermost)
            case Dropout(p=0.0):
                return x
        if layer.type == "flatten":
            channels, pixels = place.shape[0], prod(place.shape[1:])
            moved = x.innermost and channels > 1 and pixels > 1  # in memory too
            return _Values(x.numbers, x.gradient) if moved else x
        learns = layer.has_parameters and _trainable(layer)
        y = _Values(numbers, x.gradient or learns, layer.type == "conv2d" or (x.innermost and len(place.shape) == 3))
        if not y.gradient:
            return y
        if copied := padded(layer, place.shape):
            self.keep(_Values(copied, x.gradient))
        elif layer.keeps == "input" and (learns or layer.type != "linear"):  # the way back through XW needs W alone
            self.keep(x)
        elif layer.keeps == "output":
            self.keep(y)
        if layer.type == "max_pool2d":
            self.beside += INDEX * numbers
        elif layer.type == "dropout":
            self.beside += FLOAT * numbers  # which are left, and by how much they are scaled up
        elif layer.type == "batch_norm":
            self.bytes_a_batch += 2 * FLOAT * place.shape[0]  # the batch's means and spreads
        return y


def padded(layer: Layer, shape: Shape) -> int:
    """How many numbers the copy has with padding around it; only windows of one pixel, apart from one another, are
    given one."""
    if isinstance(layer, Conv2d) and layer.kernel_size == 1 and layer.stride > 1 and layer.zeros:
        return shape[0] * prod(side + 2 * layer.zeros for side in shape[1:])
    return 0


def peak(places: tuple[Placed, ...]) -> int:
    """How many numbers an example are in memory at once, beside what goes in, while nothing is kept for a way back.

    A layer's input lives until its output is there; what goes into a block or a residual lives until that is through.
    """
    most = coming = 0  # what goes in is counted by the caller
    for place in places:
        out = prod(place.output_shape)
        match place.layer:
            case Block(layers=inner, repeat=repeat):
                repeated: list[Placed] = []
                shape = place.shape
                for _ in range(repeat):
                    repeated += placed(inner, shape)
                    shape = repeated[-1].output_shape
                most = max(most, coming + peak(tuple(repeated)))
            case Residual(layers=inner):
                projected = out if place.output_shape != place.shape else 0
                most = max(most, coming + peak(placed(inner, place.shape)), coming + 2 * out + projected)
            case Dropout():
                continue  # in evaluation nothing happens
            case layer if layer.type == "flatten":
                continue
            case layer:
                positions = (INDEX // FLOAT) * out if layer.type == "max_pool2d" else 0
                most = max(most, coming + out + positions + padded(layer, place.shape))
        coming = out
    return most
