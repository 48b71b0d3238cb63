"""Defaults that depend on the data: normalisation of pictures, batch size, and length of a run.

Each is a function of the dataset's sizes alone, so the same request on the same dataset always gets the same values.
`docs/defaults.md` explains them, and `python -m bench defaults` compares them with a grid search.
"""

from dataclasses import dataclass
from math import ceil

from app.learning.preprocessing import Normalise

NORMALISE: Normalise = "standard"
SMALLEST_BATCH, LARGEST_BATCH = 16, 128
STEPS_PER_EPOCH = 50  # at least, unless the batch would be smaller than the smallest
EPOCHS, STEPS = 20, 1000


@dataclass(frozen=True)
class Duration:
    """Maximum number of epochs, and number of epochs without a better validation loss that end a run earlier.

    `patience` is None if the run always trains for all its epochs.
    """

    max_epochs: int
    patience: int | None


def batch_size(train: int) -> int:
    """Largest power of two that gives at least 50 steps an epoch, within 16 and 128; never more than all examples."""
    largest = min(max(train // STEPS_PER_EPOCH, SMALLEST_BATCH), LARGEST_BATCH)
    return min(1 << (largest.bit_length() - 1), train)


def duration(train: int, examples_per_step: int | None) -> Duration:
    """20 epochs, or more if 20 make fewer than 1,000 steps; more than 20 get a patience of half of them.

    A step of more than 128 examples counts as several of 128, which bounds the time of a full batch.
    `examples_per_step` is None for the full batch.
    """
    steps_per_epoch = ceil(train / min(examples_per_step or train, LARGEST_BATCH))
    epochs = max(EPOCHS, ceil(STEPS / steps_per_epoch))
    return Duration(epochs, epochs // 2 if epochs > EPOCHS else None)
