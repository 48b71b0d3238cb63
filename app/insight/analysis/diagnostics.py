"""What goes on inside a network while it trains, by layer: gradients, weights, updates, dead and saturated units.

A sample is a pass of its own, forward and back, of a fixed probe of training examples. It changes no bit of the run:
gradients are handed over instead of stored, dropout rests, so that no generator moves, and batch norm takes the probe's
own mean and spread without remembering them.
"""

import math
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import prod

import torch
from torch import Tensor, nn

from app.learning.architecture import rows, spread
from app.learning.layers import Layer, Shape
from app.learning.layers.structure import Block, Placed, Residual, Sum, placed
from app.learning.training import Training

PROBE = 256  # examples: a unit that is active for one in fifty is missed once in 170 times
MEMORY = 256 * 1024**2  # bytes for what the layers give for the probe; a batch has been room enough in any case
SHARE = 0.01  # of the time since the sampling began; the first sample and the last are taken in any case
REGULAR = 40  # samples of a run whose length is known, once the steps between them have stopped doubling
SATURATED = {nn.Sigmoid: (0.02, 0.98), nn.Tanh: (-0.96, 0.96)}  # beyond: a slope below a twelfth of the steepest
TWINS = 1e-4  # weights that differ by less of the largest of them are one unit twice
INPUT = "input"

Sample = dict[str, dict[str, float]]  # by layer and measure


@dataclass(frozen=True)
class Located:
    """A layer's module. `name` is its number in the network; within a block its repetition and its number there
    follow, within a residual its number: `2`, `3.0.1`, `4.1`."""

    name: str
    layer: Layer
    module: nn.Module


def located(model: nn.Sequential, layers: Sequence[Layer], input_shape: Shape) -> list[Located]:
    """Every layer that somebody wrote, in the network's order, with those within others in their stead."""
    return list(_located(iter(model), placed(tuple(layers), input_shape), ""))


def _located(modules: Iterator[nn.Module], places: Iterable[Placed], above: str) -> Iterator[Located]:
    for place in places:
        module, layer, name = next(modules), place.layer, f"{above}{place.pointer[1:]}"
        if isinstance(layer, Block) and isinstance(module, nn.Sequential):
            inner, shape = iter(module), place.shape
            for repeat in range(layer.repeat):
                within = placed(layer.layers, shape)
                yield from _located(inner, within, f"{name}.{repeat}.")
                shape = within[-1].output_shape if within else shape
        elif isinstance(layer, Residual) and isinstance(module, Sum) and isinstance(module.layers, nn.Sequential):
            yield from _located(iter(module.layers), placed(layer.layers, place.shape), f"{name}.")
        elif not place.implied:
            yield Located(name, layer, module)


class Sampler:
    """Takes samples of a training between its steps: after steps 1, 2, 4, 8…, and then regularly, as far as its share
    of the time allows; what it does not, comes as soon as it does.

    Steps up to `after` have been sampled by an earlier attempt.
    """

    def __init__(self, training: Training, after: int = 0, clock: Callable[[], float] = time.monotonic) -> None:
        self.training, self.clock = training, clock
        self.layers = located(training.model, training.recipe.layers, training.recipe.input_shape)
        self.probe = probe(training)
        self.sampled, self.next_step = after, after + 1
        self.began, self.spent, self.took = clock(), 0.0, 0.0
        self.before: list[list[Tensor]] | None = None
        if training.step + 1 >= self.next_step:
            self._remember()

    def look(self, last: bool = False) -> Sample | None:
        """To be called after each step; a sample if one is due, and in any case after the `last` step."""
        begun, step = self.clock(), self.training.step
        found = None
        if (last and step > self.sampled) or (step >= self.next_step and self.before is not None):
            found = sample(self.training, self.layers, self.probe, self.before)
            total = self.training.total_steps
            regular = step // 4 if math.isinf(total) else int(total) // REGULAR
            self.sampled, self.next_step, self.before = step, step + max(1, min(step, regular)), None
            self.took = self.clock() - begun
            self.spent += self.took
        due = step + 1 >= self.next_step and self.spent + self.took <= SHARE * (begun - self.began)
        if self.before is None and (due or step + 1 == self.training.total_steps):
            self._remember()
        return found

    def _remember(self) -> None:
        """The parameters before the next step: its update is what they differ by afterwards."""
        self.before = [[p.detach().clone() for p in own_parameters(found.module)] for found in self.layers]


def probe(training: Training) -> Tensor:
    """The indices of the training examples that are looked at, evenly out of all."""
    recipe, train = training.recipe, training.data.parts["train"]
    places = spread(rows(recipe.layers, recipe.input_shape))
    bytes_each = 4 * sum(prod(place.output_shape) for _, place in places)
    room = max(recipe.batch_size or len(train), MEMORY // bytes_each)
    return train[torch.linspace(0, len(train) - 1, min(PROBE, room, len(train)), device=train.device).long()]


def own_parameters(module: nn.Module) -> list[nn.Parameter]:
    return list(module.parameters(recurse=False))


def sample(
    training: Training, layers: Sequence[Located], probe: Tensor, before: list[list[Tensor]] | None = None
) -> Sample:
    """Every measure of every layer, over the training examples at `probe` (n,); `before` are the layers' parameters
    before the last step."""
    inputs, targets = training.data.batch(probe, training.device)
    outputs: dict[nn.Module, Tensor] = {}

    def keep(module: nn.Module, _: object, output: Tensor) -> None:
        outputs[module] = output.detach()

    model, recipe = training.model, training.recipe
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    hooks = [found.module.register_forward_hook(keep) for found in layers]
    try:
        with undisturbed(model), torch.enable_grad():
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
        for index, found in enumerate(layers):
            own = own_parameters(found.module)
            known = [(p, gradient_of.get(p)) for p in own]
            was = before[index] if before is not None else None
            values = of_output(found.module, outputs[found.module].float()) | of_parameters(known, was)
            measured |= {(found.name, name): value for name, value in values.items()}
    numbers = torch.stack([value.double() for value in measured.values()]).tolist()  # a GPU is waited for once
    answer: Sample = {}
    for (layer, name), number in zip(measured, numbers, strict=True):
        answer.setdefault(layer, {})[name] = number
    return answer


@contextmanager
def undisturbed(model: nn.Module) -> Iterator[None]:
    """The network as in training, but that nothing in it is drawn or remembered."""
    modes = {module: module.training for module in model.modules()}
    norms = [module for module in modes if isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d)]
    model.train()
    for module in modes:
        if isinstance(module, nn.Dropout):
            module.eval()
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True
        for module, mode in modes.items():
            module.training = mode


def of_input(inputs: Tensor) -> dict[str, Tensor]:
    """Of the prepared inputs (n, …): the mean and spread of all numbers, and the root mean square of the largest column
    and of the smallest that is not constant; a picture is one column."""
    columns = inputs.float() if inputs.dim() == 2 else inputs.float().reshape(-1, 1)
    squares, varies = columns.square().mean(0).sqrt(), columns.amax(0) > columns.amin(0)
    smallest = torch.where(varies, squares, torch.inf).min()
    spread_mean = {"activation_mean": columns.mean(), "activation_spread": columns.std(correction=0)}
    return spread_mean | {"largest_column": squares.max(), "smallest_column": smallest}


def of_output(module: nn.Module, output: Tensor) -> dict[str, Tensor]:
    """Of a layer's outputs (n, units, …): mean and spread of all numbers; of a ReLU the share of units that are 0 for
    every example and at every place; of a sigmoid or tanh the share of numbers where its slope is nearly 0."""
    found = {"activation_mean": output.mean(), "activation_spread": output.std(correction=0)}
    if isinstance(module, nn.ReLU):
        units = output.transpose(0, 1).flatten(1)
        found["dead_units"] = (units <= 0).all(1).float().mean()
    for kind, (low, high) in SATURATED.items():
        if isinstance(module, kind):
            found["saturated_units"] = ((output < low) | (output > high)).float().mean()
    return found


def of_parameters(own: list[tuple[nn.Parameter, Tensor | None]], before: list[Tensor] | None) -> dict[str, Tensor]:
    """Of a layer's parameters with their gradients: the L2 norms of both over all of them; the norm of the last update
    as a share of theirs; and the share of units whose weights are those of the first."""
    if not own:
        return {}
    norm = _norm([parameter for parameter, _ in own])
    found = {"weight_norm": norm}
    gradients = [gradient for _, gradient in own if gradient is not None]
    if gradients:
        found["gradient_norm"] = _norm(gradients)
    if before is not None and gradients:
        change = _norm([parameter - was for (parameter, _), was in zip(own, before, strict=True)])
        found["update_ratio"] = change / torch.maximum(_norm(before), norm).clamp_min(1e-30)
    weight = own[0][0]
    if weight.dim() > 1 and len(weight) > 1:
        rows = weight.flatten(1)
        apart = (rows[1:] - rows[0]).abs().amax(1)
        found["twin_units"] = (apart <= TWINS * rows.abs().max()).float().mean()
    return found


def _norm(tensors: Sequence[Tensor]) -> Tensor:
    found: Tensor = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(tensor) for tensor in tensors]))
    return found
