"""A dataset prepared for a run: split, and with preprocessing that is fitted on the training part."""

import warnings
from typing import Any

import torch

from app.datasets.arrays import Arrays
from app.datasets.splits import Split
from app.learning.data import Data
from app.learning.preprocessing import fit_columns, fit_pictures


def prepared(arrays: Arrays, parts: Split, request: dict[str, Any]) -> Data:
    """Training data for a resolved request, whose split is `parts`."""
    classification = arrays.task == "classification"
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "The given NumPy array is not writable")  # it is only read
        inputs, targets = torch.from_numpy(arrays.inputs), torch.from_numpy(arrays.targets)
    train = torch.from_numpy(parts.train)
    scaling = request["scaling"] or {}
    return Data(
        inputs=inputs,
        targets=targets,
        parts={"train": train, "validation": torch.from_numpy(parts.validation), "test": torch.from_numpy(parts.test)},
        prepare_inputs=(
            fit_pictures(request["normalise"], inputs, train)
            if len(arrays.shape) == 3
            else fit_columns(scaling["inputs"], inputs, train)
        ),
        prepare_targets=fit_columns("none" if classification else scaling["target"], targets, train),
    )
