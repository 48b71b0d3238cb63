"""Class labels of formats that hold images and labels as numbers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.datasets.arrays import Arrays
from app.datasets.errors import ImportFailed
from app.datasets.import_options import CLASSES
from app.datasets.names import first
from app.messages import Message

MOST_SIDE = 224


def named_classes(labels: NDArray[Any], names: tuple[str, ...]) -> tuple[str, ...]:
    """Names of the classes of labels (N,) counted from 0: the given ones, or else the numbers.

    Raises ImportFailed.
    """
    least, most = int(labels.min()), int(labels.max())
    if least < 0 or most >= CLASSES:
        raise ImportFailed("labels_out_of_range", least=least, most=most, limit=CLASSES - 1)
    classes = names or tuple(str(number) for number in range(most + 1))
    if most >= len(classes):
        raise ImportFailed("label_without_name", label=most, classes=len(classes), last=len(classes) - 1)
    if len(np.unique(labels)) < 2:
        raise ImportFailed("one_class", label=least)
    return classes


def unused(arrays: Arrays) -> list[Message]:
    """Warnings about classes without examples: numbers that no label has, or names without a label."""
    names = [name for name, count in zip(arrays.classes, arrays.counts(), strict=True) if not count]
    if not names:
        return []
    return [Message.of("classes_without_examples", count=len(names), classes=len(arrays.classes), **first(names))]


def refuse_other_shape(shape: tuple[int, ...], wanted: tuple[int, int, int] | None) -> tuple[int, int, int]:
    """Shape (H, W) or (C, H, W) as (C, H, W). Raises ImportFailed if it is too large, or not the wanted one."""
    channels, height, width = shape if len(shape) == 3 else (1, *shape)
    if channels not in (1, 3) or not 1 <= height <= MOST_SIDE or not 1 <= width <= MOST_SIDE:
        sides = {"channels": channels, "height": height, "width": width}
        raise ImportFailed("picture_shape_unsupported", **sides, limit=MOST_SIDE)
    if wanted is not None and (channels, height, width) != wanted:
        raise ImportFailed("picture_shape_differs", shape=(channels, height, width), wanted=wanted)
    return channels, height, width
