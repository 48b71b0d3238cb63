"""Targets that are numbers: whether they are classes after all, and what float32 makes of them."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.datasets.errors import ImportFailed
from app.datasets.formats.columns import Target, as_text
from app.datasets.import_options import CLASSES
from app.messages import Message

NAMES_OF_CLASSES = frozenset({"class", "label", "species", "target"})
FEW = 20  # different whole numbers, which may be classes
REPEATED = 1.5  # times that such a number occurs on average
DISTINCT = 0.99  # of a target's different values must stay different as float32; a few may merge by chance


def numbers_classes(target: Target) -> bool:
    """True if the numbers of a target are its classes: by its name, and if they count from 0 or 1 and are few or
    repeated."""
    values = sorted(map(float, target.numbers))
    if not _is_called_classes(target.name) or not 2 <= len(values) <= CLASSES:
        return False
    if len(values) > FEW and sum(target.numbers.values()) < REPEATED * len(values):
        return False
    return values[0] in (0, 1) and values == [values[0] + place for place in range(len(values))]


def _is_called_classes(name: str | None) -> bool:
    return name is not None and name.strip().lower() in NAMES_OF_CLASSES


def same_as_float32(target: str | None, least: float, greatest: float) -> ImportFailed:
    """Refusal of a target (None if it has no name) whose numbers differ, but are all equal as float32."""
    bounds = {"least": as_text(least), "greatest": as_text(greatest)}
    return ImportFailed("target_constant_as_float32", target=target, **bounds)


def doubts_of_numbers(target: str | None, values: NDArray[Any], examples: int, said: bool) -> list[Message]:
    """Warnings about a regression target (None if it has no name), from its distinct values and the number of examples;
    `said` is True if the user chose regression."""
    doubts, different = [], len(values)
    with np.errstate(over="ignore"):
        stored = len(np.unique(values.astype(np.float32)))
    if stored < DISTINCT * different:
        doubts.append(Message.of("values_merge_as_float32", target=target, values=different, stored=stored))
    most = CLASSES if _is_called_classes(target) else FEW
    may_be_classes = different <= most and examples >= REPEATED * different and (values == np.round(values)).all()
    if not said and may_be_classes:
        doubts.append(Message.of("maybe_classes", target=target, values=different))
    return doubts
