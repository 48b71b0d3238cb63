from unittest.mock import patch

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from app.learning import data
from app.learning.data import Data
from app.learning.fast_cpu.batches import Batches, with_ones, with_room
from app.learning.optimizers import SGD
from app.learning.preprocessing import Affine
from tests.support.training import training

CPU = torch.device("cpu")
PICTURES = torch.arange(20 * 6, dtype=torch.uint8).view(20, 1, 2, 3)
TABLE = torch.linspace(-5, 90, 20 * 4).view(20, 4)
TABLE_WITH_GAPS = torch.where(TABLE > 80, float("nan"), TABLE)
PREPARATIONS = {
    "unit": (PICTURES, Affine(scale=(255.0,))),
    "standard": (PICTURES, Affine((106.7,), (53.1,))),
    "none": (PICTURES, Affine()),
    "columns": (TABLE, Affine((1.0, 2.0, 3.0, 4.0), (0.1, 0.3, 7.0, 11.0))),
    "gaps": (TABLE_WITH_GAPS, Affine((1.0, 2.0, 3.0, 4.0), (0.1, 0.3, 7.0, 11.0), (5.0, 6.0, 7.0, 8.0))),
    "as they are": (TABLE, Affine()),
}


def prepared(preparation: str, limit: int) -> Data:
    """Twenty examples; all are prepared at once if they take at most `limit` bytes."""
    inputs, affine = PREPARATIONS[preparation]
    found = Data(inputs, torch.linspace(-1, 1, 20), {"train": torch.arange(20)}, affine, Affine((0.5,), (0.2,)))
    with patch.object(data, "PREPARED_BYTES", limit):
        found.prepare_all()
    assert (found.prepared_inputs is not None) == (limit >= 4 * inputs.numel())
    return found


@pytest.mark.parametrize("preparation", PREPARATIONS)
@given(indices=st.lists(st.lists(st.integers(0, 19), min_size=1, max_size=30), min_size=1, max_size=5))
def test_examples_prepared_once_are_bit_for_bit_those_prepared_a_batch_at_a_time(
    preparation: str, indices: list[list[int]]
) -> None:
    once, each_time = prepared(preparation, 2**20), prepared(preparation, 0)
    batches, others = Batches(once), Batches(each_time)
    for chosen in map(torch.tensor, indices):
        expected = each_time.prepare_inputs.apply(each_time.inputs[chosen])
        targets = each_time.prepare_targets.apply(each_time.targets[chosen])
        for inputs, ys in (once.batch(chosen, CPU), each_time.batch(chosen, CPU)):
            assert torch.equal(inputs, expected) and torch.equal(ys, targets)
        for batch in (batches.of(chosen), others.of(chosen)):
            assert torch.equal(batch.inputs, expected) and torch.equal(batch.targets, targets)


def test_a_batch_that_is_changed_where_it_lies_leaves_the_data_alone() -> None:
    for limit in (0, 2**20):
        for preparation, (inputs, _) in PREPARATIONS.items():
            found, before = prepared(preparation, limit), inputs.clone()
            batch = Batches(found).of(torch.arange(20))
            first = batch.inputs.clone()
            batch.inputs.zero_()
            assert torch.equal(Batches(found).of(torch.arange(20)).inputs, first)
            assert torch.equal(inputs.nan_to_num(), before.nan_to_num())


def test_what_takes_more_than_its_bytes_is_not_prepared_ahead() -> None:
    inputs = torch.zeros(1, dtype=torch.uint8).expand(data.PREPARED_BYTES // 4 + 1)
    large = Data(inputs, inputs, {}, Affine(), Affine())
    large.prepare_all()
    assert large.prepared_inputs is None


@pytest.mark.parametrize("shape", [(1, 784), (3, 1), (5, 2, 3, 4), (128, 1, 28, 28)])
def test_a_one_stands_behind_each_row_and_stays_there(shape: tuple[int, ...]) -> None:
    room, rows = with_room(torch.empty(shape)), torch.randn(shape)
    torch.add(rows, 0, out=room)
    assert room.shape == shape and torch.equal(room, rows)
    assert torch.equal(with_ones(room.flatten(1)), torch.cat([rows.flatten(1), torch.ones(len(rows), 1)], 1))
    with pytest.raises(RuntimeError):
        with_ones(rows.flatten(1))  # memory without that extra column


def test_a_run_prepares_its_data_at_once_when_the_second_epoch_begins_and_keeps_its_bits() -> None:
    run, never = training(SGD(), max_epochs=3), training(SGD(), max_epochs=3)
    with patch.object(Data, "prepare_all"):
        expected = [step.loss for step in never.steps()]
    for step, loss in zip(run.steps(), expected, strict=True):
        assert step.loss == loss
        assert (run.data.prepared_inputs is not None) == (step.number > run.steps_per_epoch)
    assert never.data.prepared_inputs is None
