"""Forward and backward pass of many networks of one architecture: each product of matrices is one batched product.

`app.learning.fast_cpu` does it for one network. The weights of all members lie side by side in `Slots`; member m has
slot m. A step binds its calls once for each number of slots in use, so members may come and go.

A batch that is smaller than the others, as the last one of an epoch, fills its slot with other examples whose gradient
is multiplied by 0. So the products have the same shape in every step, and a member's bits depend on no other member.
"""

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn

from app.learning.architecture import flatten_layers, flatten_modules, rows
from app.learning.ensemble.member import StackedMember
from app.learning.ensemble.slots import Rows, Slots, rounded
from app.learning.fast_cpu.linear_chain import ACTIVATIONS
from app.learning.layers import Layer

Call = Callable[[], object]
FEWEST = 2  # slots: a batched product of a single one is computed in another way, with other bits


class _Linear:
    """Y = [X 1]·[W; b], with the parameters at `offset` in each slot."""

    def __init__(self, module: Any, offset: int) -> None:
        self.inputs, self.width, self.ones = module.in_features, module.out_features, module.bias is not None
        self.offset, self.learns = offset, module.weight.requires_grad

    def weights(self, memory: Slots, slots: int, *, with_bias: bool) -> Tensor:
        """W, or [W; b]: (slots, inputs, outputs)."""
        return memory.matrices(slots, self.offset, self.inputs + (self.ones and with_bias), self.width)

    def forward(self, memory: Slots, x: Rows, y: Rows, slots: int, count: int) -> Call:
        inputs, weights = x.of_slots(slots, count, ones=self.ones), self.weights(memory, slots, with_bias=True)
        out = y.of_slots(slots, count)
        return lambda: torch.bmm(inputs, weights, out=out)

    def backward(self, memory: Slots, g: Rows, below: Rows, slots: int, count: int) -> Call:
        """∂L/∂X = GWᵀ"""
        weights = self.weights(memory, slots, with_bias=False).transpose(1, 2)
        gradient, out = g.of_slots(slots, count), below.of_slots(slots, count)
        return lambda: torch.bmm(gradient, weights, out=out)

    def weight_gradient(self, gradients: Slots, x: Rows, g: Rows, slots: int, count: int) -> Call:
        """∂L/∂[W; b] = [X 1]ᵀG"""
        inputs = x.of_slots(slots, count, ones=self.ones).transpose(1, 2)
        gradient, out = g.of_slots(slots, count), self.weights(gradients, slots, with_bias=True)
        return lambda: torch.bmm(inputs, gradient, out=out)


class _Elementwise:
    """A function of each number, without parameters."""

    learns = False

    def __init__(self, layer: Layer, module: nn.Module, width: int) -> None:
        self.layer, self.module, self.width = layer, module, width
        self.formula = ACTIVATIONS.get(type(module))

    def forward(self, memory: Slots, x: Rows, y: Rows, slots: int, count: int) -> Call:  # noqa: ARG002
        out = y.of_slots(slots, count)
        if self.formula is not None:
            function, inputs = self.formula.function, x.of_slots(slots, count)
            return lambda: function(inputs, out)
        module, padded = self.module, x.padded(slots, count)
        return lambda: out.copy_(module(padded)[:, :, : self.width])

    def derivative(self, g: Rows, x: Rows, y: Rows, slots: int, count: int) -> Call:
        """∂L/∂x from ∂L/∂y, in place."""
        gradient = g.of_slots(slots, count)
        if self.formula is not None:
            derivative, outputs = self.formula.derivative, y.of_slots(slots, count)
            return lambda: derivative(gradient, outputs)
        derivative_at, padded = self.layer.derivative_at, x.padded(slots, count)
        return lambda: gradient.mul_(derivative_at(padded)[:, :, : self.width])


class StackedChain:
    """Networks of members with one architecture, loss, batch size and data. `first` is one of them."""

    def __init__(self, first: StackedMember, capacity: int) -> None:
        recipe, self.data = first.recipe, first.data
        self.capacity, self.loss = max(capacity, FEWEST), recipe.loss
        self.count = min(recipe.examples_per_step or first.examples, first.examples)  # examples of a slot
        flats, groups = first.stepper.flat, len(first.stepper.update.flat)
        self.parameters = Slots(self.capacity, [flat.whole.numel() for flat in flats])
        self.gradients = Slots(self.capacity, self.parameters.sizes[:groups])
        self.links = self._links(first)
        self.lowest = [link.learns for link in self.links].index(True)  # no gradient is needed below it
        self._allocate()
        self.passes: dict[int, tuple[list[Call], list[Call]]] = {}
        self.scaled: list[tuple[int, float]] = [(0, 0.0)] * self.capacity  # examples and divisor of each slot's scale

    def _links(self, first: StackedMember) -> "list[_Linear | _Elementwise]":
        offsets: dict[Tensor, int] = {}
        for flat, start in zip(first.stepper.flat, self.parameters.offsets, strict=True):
            sizes = [parameter.numel() for parameter in flat.parameters]
            offsets |= zip(flat.parameters, accumulate(sizes, initial=start), strict=False)
        recipe = first.recipe
        links: list[_Linear | _Elementwise] = []
        self.inputs = width = int(torch.Size(recipe.input_shape).numel())
        places = flatten_layers(rows(recipe.layers, recipe.input_shape))
        for (_, place), module in zip(places, flatten_modules(first.model), strict=True):
            if place.layer.takes_rows:
                links.append(_Linear(module, offsets[module.weight]))  # type: ignore[index]
            elif place.layer.elementwise:
                links.append(_Elementwise(place.layer, module, width))
            else:
                continue  # the numbers of an example are a row already
            width = links[-1].width
        return links

    def _allocate(self) -> None:
        """Memory of a step of all slots: examples, outputs of each layer, and gradients by them."""
        examples, data = self.capacity * self.count, self.data
        self.values = [Rows(examples, self.inputs), *(Rows(examples, link.width) for link in self.links)]
        self.slopes = [Rows(examples, values.width) for values in self.values]
        self.indices = torch.zeros(examples, dtype=torch.int64)
        self.raw = data.inputs.new_empty((examples, *data.inputs.shape[1:]))
        self.targets = data.targets.new_zeros(rounded(examples))
        self.scale = torch.zeros(rounded(examples), 1)

    def step(self, members: Sequence[StackedMember], batches: Sequence[Tensor]) -> list[float]:
        """Write the gradients of each member on the examples of its batch to its slot; returns the losses."""
        slots = max(len(members), FEWEST)
        with torch.inference_mode():
            self._gather(members, batches)
            if slots not in self.passes:
                self.passes[slots] = self._bind(slots)
            forward, backward = self.passes[slots]
            for call in forward:
                call()
            losses = self._gradients_by_outputs(slots, [len(batch) for batch in batches])
            for call in backward:
                call()
        return losses

    def _gather(self, members: Sequence[StackedMember], batches: Sequence[Tensor]) -> None:
        """Copy the prepared examples of all batches to their slots."""
        data, count, examples = self.data, self.count, len(batches) * self.count
        indices, inputs = self.indices[:examples], self.values[0].rows(examples)
        inputs = inputs.view(examples, *data.inputs.shape[1:])
        if all(len(batch) == count for batch in batches):
            torch.cat(list(batches), out=indices)
        else:
            for slot, batch in enumerate(batches):
                indices[slot * count : slot * count + len(batch)] = batch
        if data.prepared_inputs is not None:
            torch.index_select(data.prepared_inputs, 0, indices, out=inputs)
        else:
            raw = self.raw[:examples]
            torch.index_select(data.inputs, 0, indices, out=raw)
            data.prepare_inputs.apply(raw, out=inputs)
        targets = self.targets[:examples]
        torch.index_select(data.targets, 0, indices, out=targets)
        if targets.is_floating_point():
            data.prepare_targets.apply(targets, out=targets)
        for slot, (member, batch) in enumerate(zip(members, batches, strict=True)):
            member.stepper.augment(inputs[slot * count : slot * count + len(batch)])

    def _gradients_by_outputs(self, slots: int, sizes: list[int]) -> list[float]:
        """Write ∂L/∂outputs of each example, divided as its member's loss is; returns the losses of the members."""
        count, padded = self.count, rounded(slots * self.count)
        targets = self.targets[:padded]
        each, gradient = self.loss.each_with_gradient(self.values[-1].rows(padded), targets)
        weights = self.loss.example_weights(targets) if self.loss.reduction == "mean" else None
        numbers, weight = each.tolist(), [] if weights is None else weights.tolist()
        losses = []
        for slot, size in enumerate(sizes):
            start = slot * count
            end = start + size
            divisor = 1.0 if self.loss.reduction == "sum" else sum(weight[start:end]) if weight else float(size)
            if self.scaled[slot] != (size, divisor):
                self.scaled[slot] = size, divisor
                self.scale[start:end] = 1 / divisor
                self.scale[end : start + count] = 0
            losses.append(sum(numbers[start:end]) / divisor)
        torch.mul(gradient, self.scale[:padded], out=self.slopes[-1].rows(padded))
        return losses

    def _bind(self, slots: int) -> tuple[list[Call], list[Call]]:
        """The calls of both passes for the first slots."""
        parameters, values, slopes, count = self.parameters, self.values, self.slopes, self.count
        forward, backward = [], []
        for index, link in enumerate(self.links):
            forward.append(link.forward(parameters, values[index], values[index + 1], slots, count))
        above = slopes[-1]
        for index in range(len(self.links) - 1, self.lowest - 1, -1):
            link, x = self.links[index], values[index]
            if isinstance(link, _Elementwise):
                backward.append(link.derivative(above, x, values[index + 1], slots, count))
                continue
            if link.learns:
                backward.append(link.weight_gradient(self.gradients, x, above, slots, count))
            if index > self.lowest:
                backward.append(link.backward(parameters, above, slopes[index], slots, count))
                above = slopes[index]
        return forward, backward
