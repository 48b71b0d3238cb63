"""Memory of a network in training and in prediction, computed without allocating it.

What autograd saves for the backward pass follows from each layer's traits: the derivative of a linear layer needs its
input, that of a sigmoid its output. A test compares the figures with what PyTorch saves. Numbers are float32.
"""

from dataclasses import dataclass, field
from math import prod

import torch
from torch.nn import Parameter

from app.learning.architecture import flatten_layers, rows
from app.learning.layers import Layer, LayerShape, Shape
from app.learning.layers.entry import FLOAT
from app.learning.layers.structure import infer_rounds
from app.learning.optimizers import Optimizer


@dataclass(frozen=True)
class Memory:
    """Memory in bytes. A training takes the sum of the first four; a prediction that of the first and the last."""

    parameters: int
    gradients: int
    optimizer_state: int
    saved_for_backward: int
    inference: int


def memory(layers: list[Layer], input_shape: Shape, batch_size: int, optimizer: Optimizer, limit: int) -> Memory:
    """Memory of a network of these layers, output layer included. Raises InvalidChoice as `rows` does."""
    places = rows(layers, input_shape, limit)
    opened = [place for _, place in flatten_layers(places)]
    frozen = sum(place.layer.parameters(place.shape) for place in opened if not place.layer.learns)
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
    """Numbers in the optimizer's state for each parameter, found by one step of it."""
    parameter = Parameter(torch.zeros(2))
    parameter.grad = torch.ones(2)
    built = optimizer.build([parameter])
    built.step()
    kept = (value for state in built.state.values() for value in state.values())
    return sum(isinstance(value, torch.Tensor) and value.shape == parameter.shape for value in kept)


@dataclass(frozen=True, eq=False)
class _Values:
    """Values between two layers: numbers for each example, whether a gradient flows back to them, and whether they are
    stored with the channels innermost (channels_last)."""

    numbers: int
    gradient: bool
    innermost: bool = False


@dataclass
class _Tape:
    """Values that autograd saves, each counted once however many layers need it, and further memory."""

    kept: dict[_Values, int] = field(default_factory=dict)
    besides: int = 0  # bytes an example
    bytes_a_batch: int = 0

    def bytes_an_example(self) -> int:
        return self.besides + FLOAT * sum(self.kept.values())

    def keep(self, values: _Values) -> None:
        self.kept[values] = values.numbers

    def through(self, places: tuple[LayerShape, ...], x: _Values) -> _Values:
        """Record the layers one after another; returns the output."""
        for place in places:
            x = self._nested(place, x) if place.layer.rounds else self._layer(place, x)
        return x

    def _nested(self, place: LayerShape, x: _Values) -> _Values:
        y = x
        for inner in infer_rounds(place.layer, place.shape):
            y = self.through(inner, y)
        if place.layer.nesting != "shortcut":
            return y
        numbers, projected = prod(place.output_shape), place.output_shape != place.shape
        if projected:  # the projection learns, from the same input
            self.keep(x)
        return _Values(numbers, projected or x.gradient or y.gradient, y.innermost)

    def _layer(self, place: LayerShape, x: _Values) -> _Values:
        layer, shape, numbers = place.layer, place.shape, prod(place.output_shape)
        if layer.aliases_input(training=True):
            reshaped = place.output_shape != shape and x.innermost
            moved = reshaped and shape[0] > 1 and prod(shape[1:]) > 1  # else the order in memory is the same
            return _Values(x.numbers, x.gradient) if moved else x
        innermost = layer.layout == "channels last" or (layer.layout is None and x.innermost and len(shape) == 3)
        y = _Values(numbers, x.gradient or layer.learns, innermost)
        if not y.gradient:
            return y
        if copied := layer.copied_input(shape):
            self.keep(_Values(copied, x.gradient))
        elif layer.saved == "input" or (layer.saved == "input if trainable" and layer.learns):
            self.keep(x)
        elif layer.saved == "output":
            self.keep(y)
        self.besides += layer.saved_per_example(shape)
        self.bytes_a_batch += layer.saved_per_batch(shape)
        return y


def peak(places: tuple[LayerShape, ...]) -> int:
    """Most numbers of an example in memory at once, besides the input, while no gradients are needed.

    A layer's input lives until its output is there; the input of a residual lives until the layers within are through.
    """
    most = coming = 0  # the caller counts the network's input
    for place in places:
        layer, out = place.layer, prod(place.output_shape)
        if layer.aliases_input(training=False):
            continue
        within = tuple(inner for places in infer_rounds(layer, place.shape) for inner in places)
        if layer.nesting == "shortcut":
            projected = out if place.output_shape != place.shape else 0
            most = max(most, coming + peak(within), coming + 2 * out + projected)
        elif within:
            most = max(most, coming + peak(within))
        else:
            besides = layer.saved_per_example(place.shape) // FLOAT + layer.copied_input(place.shape)
            most = max(most, coming + out + besides)
        coming = out
    return most
