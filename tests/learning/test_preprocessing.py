import math
import statistics
from typing import Literal

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from app.learning import preprocessing
from app.learning.preprocessing import Affine, at_once, fit_border, fit_columns, fit_pictures


def test_pictures_are_centred_by_the_training_part_alone_however_it_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = torch.randint(256, (50, 1, 4, 4), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    train = torch.arange(0, 50, 2)
    monkeypatch.setattr(preprocessing, "EXAMPLES_AT_ONCE", 7)
    prepared = fit_pictures("standard", pictures, train).apply(pictures[train]).double()
    assert float(prepared.mean()) == pytest.approx(0, abs=1e-6)
    assert float(prepared.std(correction=0)) == pytest.approx(1, abs=1e-6)
    assert fit_pictures("unit", pictures, train).apply(pictures).max() <= 1


@given(st.lists(st.integers(0, 255), min_size=1, max_size=60), st.integers(1, 9))
def test_pictures_have_the_mean_and_the_deviation_of_their_pixels(brightness: list[int], at_once: int) -> None:
    pictures = torch.tensor(brightness, dtype=torch.uint8).reshape(-1, 1, 1, 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(preprocessing, "EXAMPLES_AT_ONCE", at_once)
        fitted = fit_pictures("standard", pictures, torch.arange(len(pictures)))
    deviation = statistics.pstdev(brightness)
    assert fitted.shift == pytest.approx((statistics.fmean(brightness),), rel=1e-12)
    assert fitted.scale == pytest.approx((deviation or 1.0,), rel=1e-12)  # pictures of one gray are only centred


def test_columns_are_scaled_one_by_one_and_a_constant_one_stays_finite(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = torch.Generator().manual_seed(0)
    table = torch.randn(60, 3, generator=numbers) * torch.tensor([1.0, 100.0, 1.0]) + torch.tensor([0.0, 5000.0, 0.0])
    table[:, 2] = 0.1
    train = torch.arange(10, 60)
    monkeypatch.setattr(preprocessing, "EXAMPLES_AT_ONCE", 7)
    prepared = fit_columns("standard", table, train).apply(table)[train].double()
    assert prepared.mean(0).tolist() == pytest.approx([0, 0, 0], abs=1e-4)
    assert prepared.std(0, correction=0).tolist() == pytest.approx([1, 1, 0], abs=1e-4)


def test_the_border_is_what_lies_around_the_training_pictures() -> None:
    pictures = torch.full((3, 1, 4, 4), 200, dtype=torch.uint8)
    pictures[1:, :, 1:3, 1:3] = 0
    pictures[0] = 7
    assert fit_border(pictures, torch.tensor([1, 2])) == 200


@pytest.mark.parametrize("kind", ["standard", "none"])
def test_what_is_missing_counts_as_the_mean_of_the_training_part(
    kind: Literal["standard", "none"], monkeypatch: pytest.MonkeyPatch
) -> None:
    table = torch.randn(60, 3, generator=torch.Generator().manual_seed(0)) * 10 + 50
    table[::7, 0] = math.nan
    table[:, 2] = math.nan
    train = torch.arange(10, 60)
    known = table[train, 0][~table[train, 0].isnan()].double()
    monkeypatch.setattr(preprocessing, "EXAMPLES_AT_ONCE", 7)
    fitted = fit_columns(kind, table, train)
    assert fitted.fill == pytest.approx((float(known.mean()), float(table[train, 1].double().mean()), 0.0))
    assert Affine.from_json(fitted.to_json()) == fitted
    prepared = fitted.apply(table)
    assert prepared.isfinite().all()
    assert torch.equal(fitted.apply(table, out=torch.empty(60, 3)), prepared)
    expected = 0.0 if kind == "standard" else float(known.mean())
    assert prepared[0, 0].item() == pytest.approx(expected, abs=1e-5)
    assert math.isnan(table[0, 0])  # the data itself is unchanged


def test_a_table_without_gaps_is_prepared_as_ever() -> None:
    table = torch.randn(60, 3, generator=torch.Generator().manual_seed(0))
    assert fit_columns("none", table, torch.arange(60)) == Affine()
    assert fit_columns("standard", table, torch.arange(60)).fill == ()
    assert Affine.from_json({"shift": [0.0], "scale": [255.0]}) == Affine(scale=(255.0,))  # of an older version


@pytest.mark.parametrize(("shape", "together"), [((1, 28, 28), 1337), ((3, 32, 32), 341), ((3, 224, 224), 6)])
def test_large_examples_are_worked_on_fewer_at_a_time(shape: tuple[int, ...], together: int) -> None:
    assert at_once(torch.empty((5, *shape), dtype=torch.uint8, device="meta")) == together
