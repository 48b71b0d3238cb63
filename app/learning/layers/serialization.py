"""Layers as plain JSON: the form in which requests, weights files and checkpoints store an architecture."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from app.learning.fields import request_fields
from app.learning.layers import LAYERS
from app.learning.layers.entry import Layer
from app.learning.layers.initialisation import Normal


def layers_to_json(layers: Sequence[Layer]) -> list[dict[str, object]]:
    """Layers as JSON objects with their type and fields."""
    return [
        {"type": layer.type} | {f.name: _field_to_json(getattr(layer, f.name)) for f in request_fields(layer)}
        for layer in layers
    ]


def _field_to_json(value: Any) -> Any:
    match value:
        case tuple():
            return layers_to_json(value)
        case Normal():
            return asdict(value)
    return value


def layers_from_json(stored: list[dict[str, Any]]) -> list[Layer]:
    """Layers from stored JSON; missing fields get their defaults."""
    return [LAYERS[item["type"]](**{k: _field_from_json(v) for k, v in item.items() if k != "type"}) for item in stored]


def _field_from_json(value: Any) -> Any:
    match value:
        case list():
            return tuple(layers_from_json(value))
        case dict():
            return Normal(**value)
    return value
