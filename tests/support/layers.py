"""Every layer of the registry, with input shapes that it takes."""

from collections.abc import Iterator
from typing import Any

import pytest

from app.learning.layers import LAYERS
from app.learning.layers.serialization import layers_from_json

PICTURE, ROW = (2, 6, 6), (5,)
INSIDE: list[dict[str, Any]] = [{"type": "linear", "units": 5}, {"type": "tanh"}]
# Fields that a layer needs beyond its defaults, and its input shapes.
CASES: dict[str, list[tuple[dict[str, Any], tuple[int, ...]]]] = {
    "linear": [({"units": 3}, ROW), ({"units": 3, "bias": False}, ROW), ({"units": 3, "init": "he"}, ROW)],
    "conv2d": [
        ({"channels": 3}, PICTURE),
        ({"channels": 3, "kernel_size": 2, "stride": 2, "padding": 1, "bias": False}, PICTURE),
    ],
    "max_pool2d": [({}, PICTURE), ({"kernel_size": 3, "stride": 1}, PICTURE)],
    "avg_pool2d": [({}, PICTURE), ({"kernel_size": 4}, PICTURE)],
    "batch_norm": [({}, ROW), ({}, PICTURE)],
    "block": [({"layers": INSIDE, "repeat": 3}, ROW), ({"layers": [{"type": "conv2d", "channels": 2}]}, PICTURE)],
    "residual": [
        ({"layers": INSIDE}, ROW),
        ({"layers": [{"type": "linear", "units": 4}, {"type": "sigmoid"}]}, ROW),
        ({"layers": [{"type": "conv2d", "channels": 3, "stride": 2}]}, PICTURE),
    ],
}


def every_layer() -> Iterator[Any]:
    """Each layer of the registry with each of its cases, as parameters of a test."""
    for kind in LAYERS:
        for fields, shape in CASES.get(kind, [({}, ROW), ({}, PICTURE)]):
            yield pytest.param(layers_from_json([{"type": kind} | fields])[0], shape, id=f"{kind} {fields} {shape}")
