"""Class labels of formats that hold images and labels as numbers."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.datasets.arrays import Arrays
from app.datasets.errors import ImportFailed
from app.datasets.import_options import CLASSES
from app.datasets.names import some

MOST_SIDE = 224


def named_classes(labels: NDArray[Any], names: tuple[str, ...]) -> tuple[str, ...]:
    """The classes of labels (N,) that count from 0: by the names that were given, else by their numbers.

    Raises ImportFailed.
    """
    least, most = int(labels.min()), int(labels.max())
    if least < 0 or most >= CLASSES:
        raise ImportFailed(f"the labels go from {least:,} to {most:,}; labels are 0 to {CLASSES - 1} at most")
    classes = names or tuple(str(number) for number in range(most + 1))
    if most >= len(classes):
        raise ImportFailed(f"there is a label {most}, and classes= names {len(classes)}: 0 to {len(classes) - 1}")
    if len(np.unique(labels)) < 2:
        raise ImportFailed(f"every label is {least}; a classification has two classes or more")
    return classes


def unused(arrays: Arrays) -> list[str]:
    """Warnings about classes without examples: their numbers lie between others, or they are only named."""
    names = [repr(name) for name, count in zip(arrays.classes, arrays.counts(), strict=True) if not count]
    return [f"{len(names)} of {len(arrays.classes)} classes have no example: {some(names)}"] if names else []


def refuse_other_shape(sides: tuple[int, ...], wanted: tuple[int, int, int] | None) -> tuple[int, int, int]:
    """(H, W) or (C, H, W) as (C, H, W). Raises ImportFailed for what is not wanted, or too large."""
    channels, height, width = sides if len(sides) == 3 else (1, *sides)
    if channels not in (1, 3) or not 1 <= height <= MOST_SIDE or not 1 <= width <= MOST_SIDE:
        raise ImportFailed(
            f"the pictures have {channels} channels and {height}×{width} pixels; a picture has 1 or 3 channels and at "
            f"most {MOST_SIDE}×{MOST_SIDE} pixels"
        )
    if wanted is not None and (channels, height, width) != wanted:
        raise ImportFailed(
            f"the pictures are {channels}×{height}×{width} and shape= says {'×'.join(map(str, wanted))}; pictures that "
            "are numbers are taken as they are: leave shape= out, or send picture files to have them resized"
        )
    return channels, height, width
