"""Defaults that follow from the data: how pictures are normalised, the batch size, and how long a run trains.

Each is a function of a run's sizes alone, so the same request on the same dataset always gets the same values.
`docs/defaults.md` explains them, and `python -m bench defaults` compares them with a grid.
"""

from dataclasses import dataclass
from math import ceil

from app.learning.preprocessing import Normalise

NORMALISE: Normalise = "standard"
SMALLEST_BATCH, LARGEST_BATCH = 16, 128
STEPS_PER_EPOCH = 50  # as many as the batch size leaves, where the smallest batch allows it
EPOCHS, STEPS = 20, 1000


@dataclass(frozen=True)
class Duration:
    """The most epochs of a run, and how many without a better validation loss end it sooner; None: none do."""

    max_epochs: int
    patience: int | None


def batch_size(train: int) -> int:
    """The largest power of two that makes 50 steps an epoch, from 16 to 128; all examples where there are fewer."""
    largest = min(max(train // STEPS_PER_EPOCH, SMALLEST_BATCH), LARGEST_BATCH)
    return min(1 << (largest.bit_length() - 1), train)


def duration(train: int, examples_per_step: int | None) -> Duration:
    """20 epochs, or as many as make 1,000 steps; more than 20 end after half of them without a better validation loss.

    A step of more than 128 examples counts as several of 128, which bounds the time that the full batch takes.
    `examples_per_step` is None for the full batch.
    """
    steps_per_epoch = ceil(train / min(examples_per_step or train, LARGEST_BATCH))
    epochs = max(EPOCHS, ceil(STEPS / steps_per_epoch))
    return Duration(epochs, epochs // 2 if epochs > EPOCHS else None)
