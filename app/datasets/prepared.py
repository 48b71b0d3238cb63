"""A dataset as a run's request wants it: split, and with preprocessing that is fitted on the training part."""

from typing import Any

import torch

from app.datasets.arrays import Arrays
from app.datasets.split import split
from app.learning.data import Data
from app.learning.preprocessing import fit_columns, fit_pictures


def prepared(arrays: Arrays, request: dict[str, Any]) -> Data:
    """Of a resolved request. Raises SplitImpossible."""
    parts = split(arrays.targets, **request["split"])
    inputs, targets = torch.from_numpy(arrays.inputs), torch.from_numpy(arrays.targets)
    train = torch.from_numpy(parts.train)
    scaling = request["scaling"]
    return Data(
        inputs=inputs,
        targets=targets,
        parts={"train": train, "validation": torch.from_numpy(parts.validation), "test": torch.from_numpy(parts.test)},
        prepare_inputs=(
            fit_pictures(request["normalise"], inputs, train)
            if scaling is None
            else fit_columns(scaling["inputs"], inputs, train)
        ),
        prepare_targets=fit_columns(
            "none" if scaling is None or arrays.task == "classification" else scaling["target"], targets, train
        ),
    )
