"""From a list of layers to shapes, parameters and a module."""

from collections.abc import Iterable, Iterator
from math import prod
from typing import Any

from torch import nn
from torch.nn import Parameter

from app.learning.errors import InvalidChoice
from app.learning.layers import Layer, Linear, Shape
from app.learning.layers.structure import Placed, chain, placed
from app.messages import Fix

MAX_PARAMETERS = 10**8
MAX_LAYERS = 1000  # blocks counted as often as they repeat
MAX_DEPTH = 8
OUTPUT_ACTIVATIONS = ("softmax", "sigmoid")


def with_output_layer(layers: list[Layer], outputs: int) -> list[Layer]:
    """The layers, ending in one that gives `outputs` numbers.

    If the last layer that learns is already `linear` with as many units and at most a softmax or sigmoid follows it, it
    is the output layer; else one is appended.
    """
    learning = [index for index, layer in enumerate(layers) if layer.has_parameters]
    if learning:
        last, after = layers[learning[-1]], [layer.type for layer in layers[learning[-1] + 1 :]]
        if (
            isinstance(last, Linear)
            and last.units == outputs
            and len(after) < 2
            and set(after) <= set(OUTPUT_ACTIVATIONS)
        ):
            return layers
    return [*layers, Linear(units=outputs)]


def without_output_layer(layers: list[Layer]) -> list[Layer]:
    """The layers without an output layer as `with_output_layer` appends it: for data or a loss that want another."""
    last = layers[-1]
    return layers[:-1] if isinstance(last, Linear) and last == Linear(units=last.units) else layers


def walk(layers: list[Layer], pointer: str = "/model/layers") -> Iterator[tuple[str, Layer]]:
    """Every layer with a pointer to it, those within others too; a block's layers once for each time it repeats.

    Raises InvalidChoice at the layer with which there are too many.
    """
    for count, (place, layer) in enumerate(_walk(layers, pointer), start=1):
        if count > MAX_LAYERS:
            raise InvalidChoice("too_many_layers", place, limit=MAX_LAYERS)
        yield place, layer


def _walk(layers: Any, pointer: str) -> Iterator[tuple[str, Layer]]:
    if pointer.count("/layers") > MAX_DEPTH:
        raise InvalidChoice("layers_too_deep", pointer, limit=MAX_DEPTH)
    for index, layer in enumerate(layers):
        yield f"{pointer}/{index}", layer
        for _ in range(getattr(layer, "repeat", 1)):
            yield from _walk(getattr(layer, "layers", ()), f"{pointer}/{index}/layers")


def rows(layers: list[Layer], input_shape: Shape, limit: int = MAX_PARAMETERS) -> tuple[Placed, ...]:
    """Each layer with the shapes around it, without allocating one number.

    Raises InvalidChoice where a layer does not fit, or where the parameters go over `limit`.
    """
    for _ in walk(layers):
        pass
    try:
        found = placed(tuple(layers), input_shape)
    except InvalidChoice as error:
        raise error.below("/model/layers") from error
    total = 0
    for place in found:
        total += place.layer.parameters(place.shape)
        if total > limit:
            pointer = f"/model/layers{place.pointer}"
            raise InvalidChoice("too_many_parameters", pointer, parameters=total, limit=limit)
    return found


def refuse_untrainable(layers: list[Layer], input_shape: Shape, batch_size: int) -> None:
    """Raises InvalidChoice when nothing would be learnt, or when batch norm would meet one number alone."""
    found = list(spread(rows(layers, input_shape)))
    if not any(place.layer.has_parameters and getattr(place.layer, "trainable", True) for _, place in found):
        raise InvalidChoice("nothing_trainable", "/model/layers")
    for pointer, place in found:
        if place.layer.type == "batch_norm" and batch_size == 1 and prod(place.shape[1:]) == 1:
            raise InvalidChoice("batch_norm_alone", pointer, Fix("/batch_size", 2))


def spread(
    places: Iterable[Placed], pointer: str = "/model/layers", opened: tuple[str, ...] = ("block", "residual")
) -> Iterator[tuple[str, Placed]]:
    """The layers one after another with pointers to them, and in the stead of those of the types `opened` what is in
    them: a block's layers as often as it repeats."""
    for place in places:
        here, shape = pointer + place.pointer, place.shape
        if place.layer.type not in opened:
            yield here, place
            continue
        inner: tuple[Layer, ...] = getattr(place.layer, "layers", ())
        for _ in range(getattr(place.layer, "repeat", 1)):
            within = placed(inner, shape)
            yield from spread(within, f"{here}/layers", opened)
            shape = within[-1].output_shape


def count_parameters(layers: list[Layer], input_shape: Shape) -> int:
    """How many numbers the network learns. Raises InvalidChoice as `rows` does."""
    return sum(place.layer.parameters(place.shape) for place in rows(layers, input_shape))


def build(layers: list[Layer], input_shape: Shape) -> nn.Sequential:
    """The network as a module; inputs are (N, *input_shape), outputs (N, outputs).

    The initial weights are drawn from torch's global generator: seed it first.
    """
    return nn.Sequential(*chain(tuple(layers), input_shape))


def parameter_groups(model: nn.Module) -> list[dict[str, Any]]:
    """The parameters that learn, in groups by their layer's `lr_factor`, which stands on the group."""
    groups: dict[float, list[Parameter]] = {}
    for module in model.modules():
        own = [parameter for parameter in module.parameters(recurse=False) if parameter.requires_grad]
        if own:
            groups.setdefault(float(getattr(module, "lr_factor", 1.0)), []).extend(own)
    return [{"params": parameters, "lr_factor": factor} for factor, parameters in groups.items()]
