"""Defaults that depend on the data: enough steps for small datasets, and no more epochs for large ones."""

import pytest

from app.learning.defaults import batch_size, duration

SIZES = [1, 2, 15, 16, 17, 25, 76, 282, 799, 800, 1149, 6400, 10**5, 10**7]


@pytest.mark.parametrize(
    ("train", "size"),
    [(1, 1), (10, 10), (16, 16), (800, 16), (1599, 16), (1600, 32), (6399, 64), (6400, 128), (10**7, 128)],
)
def test_a_batch_leaves_fifty_steps_an_epoch_within_its_bounds(train: int, size: int) -> None:
    assert batch_size(train) == size


@pytest.mark.parametrize("train", SIZES)
@pytest.mark.parametrize("size", [None, 1, 7, 128])
def test_a_run_has_a_thousand_steps_of_up_to_128_examples(train: int, size: int | None) -> None:
    size = batch_size(train) if size is None else size
    epochs = duration(train, size).max_epochs
    steps_per_epoch = -(-train // size)
    assert epochs >= 20 and epochs * steps_per_epoch >= 1000
    assert epochs == 20 or (epochs - 1) * steps_per_epoch < 1000


@pytest.mark.parametrize("train", SIZES)
def test_the_full_batch_takes_no_more_passes_than_batches_of_128(train: int) -> None:
    assert duration(train, None) == duration(train, train) == duration(train, min(train, 128))


def test_only_more_than_twenty_epochs_end_early() -> None:
    assert duration(6400, 128).patience is None
    assert duration(799, 16).max_epochs == 20 and duration(799, 16).patience is None
    assert (duration(76, 16).max_epochs, duration(76, 16).patience) == (200, 100)
