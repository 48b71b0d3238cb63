"""The split that an upload itself provides: used as a whole, or ignored with a warning."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.datasets.arrays import OWN_PARTS
from app.datasets.names import first
from app.messages import Message

NO_PART = 255  # of an example that belongs to none
TRAIN, VALIDATION, TEST = range(len(OWN_PARTS))


def own_parts(
    parts: NDArray[np.uint8], targets: NDArray[Any], classes: tuple[str, ...]
) -> tuple[NDArray[np.uint8] | None, list[Message]]:
    """Parts (N,) to store, or None if they are ignored, and warnings, from the part (N,) of each example."""
    counts = np.bincount(parts, minlength=NO_PART + 1)
    there = [name for part, name in enumerate(OWN_PARTS) if counts[part]]
    if there in ([], ["train"]):
        return None, []
    if counts[NO_PART]:
        count = counts[NO_PART]
        return None, [Message.of("examples_in_no_part", count=count, examples=len(parts), parts=there)]
    if not counts[TRAIN]:
        return None, [Message.of("no_training_part", parts=there)]
    warnings = []
    if not counts[TEST]:  # only two parts: the held-out one is for the test, and never trained on
        parts = np.where(parts == VALIDATION, np.uint8(TEST), parts)
        warnings.append(Message.of("validation_is_test"))
    learnt, known = (np.unique(of_them).tolist() if classes else [] for of_them in (targets[parts == TRAIN], targets))
    unknown = [classes[index] for index in known if index not in learnt]
    if unknown:
        warnings.append(Message.of("classes_not_trained", **first(unknown)))
    return parts, warnings
