"""A list of layers as a network: shapes, limits, module."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from math import prod
from typing import Any

from torch import nn
from torch.nn import Parameter

from app.learning.errors import InvalidChoice
from app.learning.layers import Layer, LayerShape, Linear, Shape
from app.learning.layers.entry import Nesting
from app.learning.layers.structure import build_modules, infer_rounds, infer_shapes
from app.messages import Fix

MAX_PARAMETERS = 10**8
MAX_LAYERS = 1000  # counting every repetition of a block
MAX_DEPTH = 8


def with_output_layer(layers: list[Layer], outputs: int) -> list[Layer]:
    """Append an output layer of `outputs` units unless the layers already end with one.

    They do if their last layer with parameters is `linear` with `outputs` units, followed by nothing or by one
    activation whose outputs are probabilities (softmax, sigmoid).
    """
    learning = [index for index, layer in enumerate(layers) if layer.has_parameters]
    if learning:
        last, after = layers[learning[-1]], layers[learning[-1] + 1 :]
        if (
            last.takes_rows
            and last.width == outputs
            and len(after) < 2
            and all(layer.probabilities is not None for layer in after)
        ):
            return layers
    return [*layers, Linear(units=outputs)]


def with_outputs(layers: list[Layer], made_for: int, outputs: int) -> list[Layer]:
    """The layers with `outputs` units in an output layer of their own, which is for `made_for` outputs."""
    if with_output_layer(layers, made_for) is not layers:
        return layers
    own = max(index for index, layer in enumerate(layers) if layer.has_parameters)
    return [*layers[:own], replace(layers[own], units=outputs), *layers[own + 1 :]]  # type: ignore[type-var]


def without_output_layer(layers: list[Layer]) -> list[Layer]:
    """Remove an output layer that `with_output_layer` would append, so that new data or a new loss get their own."""
    last = layers[-1]
    return layers[:-1] if last == Linear(units=last.width) else layers


def walk(layers: Sequence[Layer], pointer: str = "/model/layers") -> Iterator[tuple[str, Layer]]:
    """All layers at any depth, with pointers to them. Layers of a block occur once per repetition.

    Raises InvalidChoice at the first layer beyond `MAX_LAYERS`.
    """
    for count, (place, layer) in enumerate(_walk(layers, pointer), start=1):
        if count > MAX_LAYERS:
            raise InvalidChoice("too_many_layers", place, limit=MAX_LAYERS)
        yield place, layer


def _walk(layers: Sequence[Layer], pointer: str) -> Iterator[tuple[str, Layer]]:
    if pointer.count("/layers") > MAX_DEPTH:
        raise InvalidChoice("layers_too_deep", pointer, limit=MAX_DEPTH)
    for index, layer in enumerate(layers):
        yield f"{pointer}/{index}", layer
        for inner in layer.rounds:
            yield from _walk(inner, f"{pointer}/{index}/layers")


def rows(layers: list[Layer], input_shape: Shape, limit: int = MAX_PARAMETERS) -> tuple[LayerShape, ...]:
    """The layers with their shapes, without allocating parameters.

    Raises InvalidChoice at a layer that does not fit, or at the layer whose parameters exceed `limit` in total.
    """
    for _ in walk(layers):
        pass
    try:
        places = infer_shapes(tuple(layers), input_shape)
    except InvalidChoice as error:
        raise error.below("/model/layers") from error
    total = 0
    for place in places:
        total += place.layer.parameters(place.shape)
        if total > limit:
            pointer = f"/model/layers{place.pointer}"
            raise InvalidChoice("too_many_parameters", pointer, parameters=total, limit=limit)
    return places


def refuse_untrainable(layers: list[Layer], input_shape: Shape, batch_size: int) -> None:
    """Raise InvalidChoice if no layer is trainable, or if batch statistics would be computed from one number."""
    places = list(flatten_layers(rows(layers, input_shape)))
    if not any(place.layer.learns for _, place in places):
        raise InvalidChoice("nothing_trainable", "/model/layers")
    for pointer, place in places:
        if place.layer.uses_batch_statistics and batch_size == 1 and prod(place.shape[1:]) == 1:
            raise InvalidChoice("batch_statistics_of_one", pointer, Fix("/batch_size", 2), layer=place.layer.type)


def flatten_layers(
    places: Iterable[LayerShape],
    pointer: str = "/model/layers",
    opened: tuple[Nesting, ...] = ("sequence", "shortcut"),
) -> Iterator[tuple[str, LayerShape]]:
    """The layers in order, with pointers to them. Nestings in `opened` are replaced by the layers inside, and those of
    a block occur once per repetition."""
    for place in places:
        here = pointer + place.pointer
        if place.layer.nesting not in opened:
            yield here, place
            continue
        for inner in infer_rounds(place.layer, place.shape):
            yield from flatten_layers(inner, f"{here}/layers", opened)


def build(layers: list[Layer], input_shape: Shape) -> nn.Sequential:
    """Build the network as a module with inputs (N, *input_shape) and outputs (N, outputs).

    The initial weights come from torch's global generator, so seed it first.
    """
    return nn.Sequential(*build_modules(tuple(layers), input_shape))


def flatten_modules(model: nn.Sequential) -> Iterator[nn.Module]:
    """The modules of a network in order, nested sequences flattened."""
    for module in model:
        if isinstance(module, nn.Sequential):
            yield from flatten_modules(module)
        else:
            yield module


def parameter_groups(model: nn.Module) -> list[dict[str, Any]]:
    """Trainable parameters as the optimizer's groups: one group for each `lr_factor`, stored under that key."""
    groups: dict[float, list[Parameter]] = {}
    for module in model.modules():
        own = [parameter for parameter in module.parameters(recurse=False) if parameter.requires_grad]
        if own:
            groups.setdefault(float(getattr(module, "lr_factor", 1.0)), []).extend(own)
    return [{"params": parameters, "lr_factor": factor} for factor, parameters in groups.items()]
