"""Diagnostics of a training, by layer: gradients, weights, updates, dead and saturated units.

A sample is a separate forward and backward pass of a fixed probe of training examples. It changes no bit of the run:
gradients are returned instead of stored, dropout is off, so that no generator advances, and batch norm uses the probe's
own mean and standard deviation without updating its running means.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn

from app.learning.architecture import flatten_layers, rows
from app.learning.layers import Layer, LayerShape, Shape
from app.learning.layers.structure import infer_rounds, infer_shapes
from app.learning.training import Training

PROBE = 256  # examples; a unit that is active for one in fifty is missed once in 170 times
MEMORY = 256 * 1024**2  # bytes for the outputs of all layers for the probe; a batch always fits
SHARE = 0.01  # of the time since sampling began; the first and the last sample are always taken
REGULAR = 40  # samples of a run of known length, once the interval has stopped doubling
TWINS = 1e-4  # of the largest weight; units that differ by less are duplicates
INPUT = "input"

Sample = dict[str, dict[str, float]]  # by layer and measure


@dataclass(frozen=True)
class Located:
    """A layer with its module. `name` is its index in the network; within a block the round and the index there
    follow, within a residual the index: `2`, `3.0.1`, `4.1`."""

    name: str
    layer: Layer
    module: nn.Module


def located(model: nn.Sequential, layers: Sequence[Layer], input_shape: Shape) -> list[Located]:
    """The layers of a request in the network's order, nested ones instead of the layer that holds them."""
    return list(_located(iter(model), infer_shapes(tuple(layers), input_shape), ""))


def _located(modules: Iterator[nn.Module], places: Iterable[LayerShape], above: str) -> Iterator[Located]:
    for place in places:
        module, layer, name = next(modules), place.layer, f"{above}{place.pointer[1:]}"
        inner = layer.inner_modules(module)
        for number, within in enumerate(infer_rounds(layer, place.shape)):
            yield from _located(inner, within, f"{name}.{number}." if layer.nesting == "sequence" else f"{name}.")
        if not layer.rounds and not place.implied:
            yield Located(name, layer, module)


class Sampler:
    """Takes samples of a training between its steps: after steps 1, 2, 4, 8…, and then at regular intervals.

    A sample is delayed until it fits into the sampler's share of the training's time, which is a `share` of all time.
    An earlier attempt has sampled the steps up to `after`.
    """

    def __init__(
        self, training: Training, after: int = 0, clock: Callable[[], float] = time.monotonic, share: float = 1.0
    ) -> None:
        self.training, self.clock, self.share = training, clock, SHARE * share
        self.layers = located(training.model, training.recipe.layers, training.recipe.input_shape)
        self.probe = probe(training)
        self.sampled, self.next_step = after, after + 1
        self.began, self.spent, self.took = clock(), 0.0, 0.0
        self.before: list[list[Tensor]] | None = None
        if training.step + 1 >= self.next_step:
            self._remember()

    def look(self, last: bool = False) -> Sample | None:
        """Take a sample if one is due, and always after the `last` step. Call it after each step."""
        begun, step = self.clock(), self.training.step
        taken = None
        if (last and step > self.sampled) or (step >= self.next_step and self.before is not None):
            taken = sample(self.training, self.layers, self.probe, self.before)
            total = self.training.total_steps
            regular = step // 4 if math.isinf(total) else int(total) // REGULAR
            self.sampled, self.next_step, self.before = step, step + max(1, min(step, regular)), None
            self.took = self.clock() - begun
            self.spent += self.took
        due = step + 1 >= self.next_step and self.spent + self.took <= self.share * (begun - self.began)
        if self.before is None and (due or step + 1 == self.training.total_steps):
            self._remember()
        return taken

    def _remember(self) -> None:
        """Copy the parameters before the next step, to measure its update."""
        self.before = [[p.detach().clone() for p in own_parameters(located.module)] for located in self.layers]


def probe(training: Training) -> Tensor:
    """Indices of the training examples that are sampled, evenly spaced."""
    recipe, train = training.recipe, training.data.parts["train"]
    places = flatten_layers(rows(recipe.layers, recipe.input_shape))
    bytes_each = 4 * sum(prod(place.output_shape) for _, place in places)
    room = max(recipe.batch_size or len(train), MEMORY // bytes_each)
    return train[torch.linspace(0, len(train) - 1, min(PROBE, room, len(train)), device=train.device).long()]


def own_parameters(module: nn.Module) -> list[nn.Parameter]:
    """Parameters of the module itself, without those of modules within."""
    return list(module.parameters(recurse=False))


def sample(
    training: Training, layers: Sequence[Located], probe: Tensor, before: list[list[Tensor]] | None = None
) -> Sample:
    """All measures of all layers, over the training examples at `probe` (n,).

    `before` holds each layer's parameters before the last step.
    """
    inputs, targets = training.data.batch(probe, training.device)
    outputs: dict[nn.Module, Tensor] = {}

    def keep(module: nn.Module, _: object, output: Tensor) -> None:
        outputs[module] = output.detach()

    model, recipe = training.model, training.recipe
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    hooks = [located.module.register_forward_hook(keep) for located in layers]
    try:
        with undisturbed(model, layers), torch.enable_grad():
            with torch.autocast(training.device.type, torch.bfloat16, enabled=recipe.precision == "bf16"):
                predicted = model(inputs)
            loss = recipe.loss.function(predicted.float(), targets)
            gradients = torch.autograd.grad(loss, parameters, allow_unused=True)
    finally:
        for hook in hooks:
            hook.remove()
    gradient_of = dict(zip(parameters, gradients, strict=True))
    measured: dict[tuple[str, str], Tensor] = {}
    with torch.no_grad():
        measured |= {(INPUT, name): value for name, value in of_input(inputs).items()}
        for index, located in enumerate(layers):
            layer, module = located.layer, located.module
            known = [(parameter, gradient_of.get(parameter)) for parameter in own_parameters(module)]
            was = before[index] if before is not None else None
            values = of_output(layer, outputs[module].float()) | of_parameters(layer, known, was)
            measured |= {(located.name, measure): value for measure, value in values.items()}
    numbers = torch.stack([value.double() for value in measured.values()]).tolist()  # waits for a GPU only once
    by_layer: Sample = {}
    for (name, measure), number in zip(measured, numbers, strict=True):
        by_layer.setdefault(name, {})[measure] = number
    return by_layer


@contextmanager
def undisturbed(model: nn.Module, layers: Sequence[Located]) -> Iterator[None]:
    """Context in which the network is in training mode, but draws no random number and updates no statistics."""
    modes = {module: module.training for module in model.modules()}
    model.train()
    try:
        with ExitStack() as stack:
            for located in layers:
                stack.enter_context(located.layer.undisturbed(located.module))
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def of_input(inputs: Tensor) -> dict[str, Tensor]:
    """Measures of the prepared inputs (n, …): mean and standard deviation of all numbers, and the root mean square of
    the largest column and of the smallest that is not constant: ∞ if the inputs do not differ. A picture is one
    column."""
    columns = inputs.float() if inputs.dim() == 2 else inputs.float().reshape(-1, 1)
    squares, varies = columns.square().mean(0).sqrt(), inputs.amax(0) > inputs.amin(0)
    if inputs.dim() > 2:
        varies = varies.any().reshape(1)
    smallest = torch.where(varies, squares, torch.inf).min()
    spread_mean = {"activation_mean": columns.mean(), "activation_spread": columns.std(correction=0)}
    return spread_mean | {"largest_column": squares.max(), "smallest_column": smallest}


def of_output(layer: Layer, output: Tensor) -> dict[str, Tensor]:
    """Measures of a layer's outputs (n, units, …): mean and standard deviation of all numbers.

    If its units can die, also the share of units that are 0 for all examples at all positions. If it saturates, also
    the share of numbers where its slope is nearly 0.
    """
    measures = {"activation_mean": output.mean(), "activation_spread": output.std(correction=0)}
    if layer.can_die:
        units = output.transpose(0, 1).flatten(1)
        measures["dead_units"] = (units <= 0).all(1).float().mean()
    if layer.unsaturated_range is not None:
        low, high = layer.unsaturated_range
        measures["saturated_units"] = ((output < low) | (output > high)).float().mean()
    return measures


def of_parameters(
    layer: Layer, own: list[tuple[nn.Parameter, Tensor | None]], before: list[Tensor] | None
) -> dict[str, Tensor]:
    """Measures of a layer's parameters and their gradients: the L2 norms of both over all parameters; the norm of the
    last update as a share of the parameters'; and the share of units with the weights of the first unit."""
    if not own:
        return {}
    norm = _norm([parameter for parameter, _ in own])
    measures = {"weight_norm": norm}
    gradients = [gradient for _, gradient in own if gradient is not None]
    if gradients:
        measures["gradient_norm"] = _norm(gradients)
    if before is not None and gradients:
        change = _norm([parameter - was for (parameter, _), was in zip(own, before, strict=True)])
        measures["update_ratio"] = change / torch.maximum(_norm(before), norm).clamp_min(1e-30)
    weight = own[0][0]
    if layer.role == "linear map" and len(weight) > 1:
        rows = weight.flatten(1)
        apart = (rows[1:] - rows[0]).abs().amax(1)
        measures["twin_units"] = (apart <= TWINS * rows.abs().max()).float().mean()
    return measures


def _norm(tensors: Sequence[Tensor]) -> Tensor:
    norm: Tensor = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(tensor) for tensor in tensors]))
    return norm
