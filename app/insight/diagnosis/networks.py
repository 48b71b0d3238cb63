"""Changed networks: the layers of a run's request with one thing done otherwise."""

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any

from app.learning.layers import LAYERS

Layers = list[dict[str, Any]]
RELU, LEAKY = {"type": "relu"}, {"type": "leaky_relu"}
DROPOUT = {"type": "dropout", "p": 0.5}


def with_fitting_init(layers: Sequence[dict[str, Any]]) -> Layers:
    """The initial weights of each layer fit the nonlinearity after it; those of the output layer are PyTorch's."""
    found = _rewritten(layers, lambda layer: [dict(layer)])
    places = list(_in_order(found))
    for index, layer in enumerate(places):
        if not _is_linear_map(layer):
            continue
        fitting = next((LAYERS[after["type"]].fitting_init for after in places[index + 1 :] if _is_bend(after)), None)
        layer["init"] = fitting or "default"
    return found


def with_relu(layers: Sequence[dict[str, Any]], types: Collection[str]) -> Layers:
    """ReLUs in place of the layers of some `types`, and initial weights that fit them."""
    return with_fitting_init(_rewritten(layers, lambda layer: [RELU if layer["type"] in types else layer]))


def with_leaky_relu(layers: Sequence[dict[str, Any]]) -> Layers:
    """Leaky ReLUs in place of the activations that can die."""
    return with_fitting_init(_rewritten(layers, lambda layer: [LEAKY] if LAYERS[layer["type"]].can_die else [layer]))


def with_relu_between(layers: Sequence[dict[str, Any]]) -> Layers:
    """A ReLU after each linear map but the last."""
    return _after_hidden(layers, _is_linear_map, RELU)


def with_dropout(layers: Sequence[dict[str, Any]]) -> Layers:
    """Dropout after each hidden nonlinearity."""
    return _after_hidden(layers, _is_bend, DROPOUT)


def with_hidden_layer(layers: Sequence[dict[str, Any]], units: int) -> Layers:
    """One more layer of `units` ReLUs before the output layer."""
    return [*layers[:-1], {"type": "linear", "units": units}, RELU, layers[-1]]


def widened(layers: Sequence[dict[str, Any]], units: int) -> Layers:
    """At least `units` units or channels in each linear map but the last."""
    last = _last_linear_map(layers)

    def wider(layer: dict[str, Any]) -> Layers:
        width = "units" if "units" in layer else "channels"
        narrow = layer is not last and _is_linear_map(layer) and layer.get(width, units) < units
        return [layer | {width: units}] if narrow else [layer]

    return _rewritten(layers, wider)


def _after_hidden(
    layers: Sequence[dict[str, Any]], wanted: Callable[[dict[str, Any]], bool], added: dict[str, Any]
) -> Layers:
    """The `added` layer after each wanted one before the output layer."""
    places = list(_in_order(layers))
    last = next(index for index, layer in enumerate(places) if layer is _last_linear_map(layers))
    hidden = {id(layer) for layer in places[:last] if wanted(layer)}
    return _rewritten(layers, lambda layer: [layer, added] if id(layer) in hidden else [layer])


def _rewritten(layers: Sequence[dict[str, Any]], change: Callable[[dict[str, Any]], Layers]) -> Layers:
    """The layers, each replaced by those that `change` makes of it; within blocks and residuals, too."""
    made: Layers = []
    for layer in layers:
        if "layers" in layer:
            made.append(layer | {"layers": _rewritten(layer["layers"], change)})
        else:
            made += change(layer)
    return made


def _in_order(layers: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """The layers in the network's order, nested ones in place of those that hold them."""
    for layer in layers:
        if "layers" in layer:
            yield from _in_order(layer["layers"])
        else:
            yield layer


def _last_linear_map(layers: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The output layer."""
    return [layer for layer in _in_order(layers) if _is_linear_map(layer)][-1]


def _is_linear_map(layer: dict[str, Any]) -> bool:
    return LAYERS[layer["type"]].role == "linear map"


def _is_bend(layer: dict[str, Any]) -> bool:
    """True for a hidden activation."""
    kind = LAYERS[layer["type"]]
    return kind.role == "activation" and kind.probabilities != "exclusive"
