import pytest
import torch

from app.learning import preprocessing
from app.learning.preprocessing import fit_border, fit_columns, fit_pictures


def test_pictures_are_centred_by_the_training_part_alone_however_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = torch.randint(256, (50, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    train = torch.arange(0, 50, 2)
    monkeypatch.setattr(preprocessing, "AT_ONCE", 7)
    prepared = fit_pictures("standard", pictures, train).apply(pictures[train]).double()
    assert float(prepared.mean()) == pytest.approx(0, abs=1e-6)
    assert float(prepared.std(correction=0)) == pytest.approx(1, abs=1e-6)
    assert fit_pictures("unit", pictures, train).apply(pictures).max() <= 1


def test_columns_are_scaled_one_by_one_and_a_constant_one_stays_finite(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = torch.Generator().manual_seed(0)
    table = torch.randn(60, 3, generator=numbers) * torch.tensor([1.0, 100.0, 1.0]) + torch.tensor([0.0, 5000.0, 0.0])
    table[:, 2] = 0.1
    train = torch.arange(10, 60)
    monkeypatch.setattr(preprocessing, "AT_ONCE", 7)
    prepared = fit_columns("standard", table, train).apply(table)[train].double()
    assert prepared.mean(0).tolist() == pytest.approx([0, 0, 0], abs=1e-4)
    assert prepared.std(0, correction=0).tolist() == pytest.approx([1, 1, 0], abs=1e-4)


def test_the_border_is_what_lies_around_the_training_pictures() -> None:
    pictures = torch.full((3, 1, 4, 4), 200, dtype=torch.uint8)
    pictures[1:, :, 1:3, 1:3] = 0
    pictures[0] = 7
    assert fit_border(pictures, torch.tensor([1, 2])) == 200
