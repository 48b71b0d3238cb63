"""The parts that an upload has itself, to train on and to test on: taken as a whole or not at all, and never dropped
in silence."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.datasets.arrays import OWN_PARTS
from app.datasets.names import some

NO_PART = 255  # of an example that lies outside
TRAIN, VALIDATION, TEST = range(len(OWN_PARTS))


def own_parts(
    parts: NDArray[np.uint8], targets: NDArray[Any], classes: tuple[str, ...]
) -> tuple[NDArray[np.uint8] | None, list[str]]:
    """The parts (N,) to keep, or None, and the warnings, from the part (N,) that each example names."""
    counts = np.bincount(parts, minlength=NO_PART + 1)
    there = [name for part, name in enumerate(OWN_PARTS) if counts[part]]
    if there in ([], ["train"]):
        return None, []
    if counts[NO_PART]:
        said = f"{counts[NO_PART]:,} of {len(parts):,} examples are in none of the parts {', '.join(there)}"
        return None, [f"{said}: the parts are not taken, and what is tested on is drawn from all"]
    if not counts[TRAIN]:
        return None, [f"there are the parts {', '.join(there)} and none to train on: they are not taken"]
    warnings = []
    if not counts[TEST]:  # two parts: what is held out is tested on, and is never trained on
        parts = np.where(parts == VALIDATION, np.uint8(TEST), parts)
        warnings.append("there is no test part: validation is it, and another validation part is drawn from training")
    learnt, known = (np.unique(of_them).tolist() if classes else [] for of_them in (targets[parts == TRAIN], targets))
    unknown = [classes[index] for index in known if index not in learnt]
    if unknown:
        named = some([repr(name) for name in unknown])
        warnings.append(f"the training part has no example of {named}: what it never saw, a network cannot know")
    return parts, warnings
