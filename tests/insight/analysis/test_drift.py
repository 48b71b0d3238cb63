"""Drift: inverted letters are noticed soon, and thousands of sound inputs raise no alarm."""

import math

import pytest
import torch
from torch import Tensor

from app.datasets.builtin import BUILTIN
from app.insight.analysis.drift import FEWEST, NEWEST, compare, in_words
from app.learning.reference import Reference, features, fit_reference


@pytest.fixture(scope="module")
def letters() -> Tensor:
    """All letters in a random order."""
    inputs = torch.from_numpy(BUILTIN["notmnist"].load().inputs)
    return inputs[torch.randperm(len(inputs), generator=torch.Generator().manual_seed(0))]


@pytest.fixture(scope="module")
def reference(letters: Tensor) -> Reference:
    found = fit_reference(letters, torch.arange(5000))
    assert found is not None
    return found


def codes(reference: Reference, inputs: Tensor, names: tuple[str, ...] = ()) -> list[str]:
    return [message.code for message in in_words(compare(reference, inputs, names))]


def test_inverted_letters_are_noticed_within_200_requests(letters: Tensor, reference: Reference) -> None:
    sound, inverted = letters[5000:5200], 255 - letters[5200:5400]
    told = [codes(reference, torch.cat([sound, inverted[:count]])[-NEWEST:]) for count in range(0, 201, 10)]
    assert told[0] == [] and told[-1] == ["drift_inverted"]
    (sentence,) = in_words(compare(reference, inverted[:NEWEST]))
    assert "black and white" in sentence.text() and "invert=auto" in sentence.text()


def test_ten_thousand_sound_letters_raise_no_alarm(letters: Tensor, reference: Reference) -> None:
    assert len(letters) == 10_000
    for start in range(0, len(letters) - NEWEST + 1, 50):
        assert codes(reference, letters[start : start + NEWEST]) == []


@pytest.mark.parametrize("tail", ["normal", "lognormal", "rare"])
def test_rows_of_the_training_s_distribution_raise_no_alarm(tail: str) -> None:
    numbers = torch.Generator().manual_seed(0)
    rows = torch.randn(15_000, 10, generator=numbers)
    if tail == "lognormal":
        rows = (2 * rows).exp()
    if tail == "rare":
        rows = (rows > 3.2).float()  # a category of one in 1,500 rows
    reference = fit_reference(rows, torch.arange(5000))
    assert reference is not None
    for start in range(5000, 15_000 - NEWEST + 1, 50):
        assert codes(reference, rows[start : start + NEWEST]) == []


def test_a_column_that_moves_is_named_with_its_numbers() -> None:
    numbers = torch.Generator().manual_seed(0)
    rows = 10 + 2 * torch.randn(6000, 2, generator=numbers)
    reference = fit_reference(rows, torch.arange(5000))
    assert reference is not None
    rows[5000:, 1] += 3
    (message,) = in_words(compare(reference, rows[5000 : 5000 + NEWEST], ("age", "income")))
    assert message.params["feature"] == "income" and message.params["seen"] == pytest.approx(13, abs=1)
    assert message.text().startswith("income is 1") and "± 2" in message.text()


def test_a_constant_column_may_not_change_and_missing_values_do_not_count() -> None:
    rows = torch.full((200, 2), 7.0)
    rows[:, 1] = torch.arange(200)
    rows[::3] = math.nan
    reference = fit_reference(rows, torch.arange(200))
    assert reference is not None and reference.mean[0] == 7.0
    assert codes(reference, rows[:NEWEST]) == ["drift_of_feature"]  # the first hundred of a column that counts
    changed = rows.clone()
    changed[:, 0] = 8.0
    assert compare(reference, changed)[0].has_drifted and not compare(reference, rows)[0].has_drifted


def test_features_of_pictures_are_brightness_contrast_and_border() -> None:
    picture = torch.zeros(1, 1, 4, 4, dtype=torch.uint8)
    picture[:, :, 1:3, 1:3] = 200
    assert features(picture).tolist() == [[50.0, pytest.approx(math.sqrt(7500)), 0.0]]


def test_a_wide_table_has_no_reference() -> None:
    assert fit_reference(torch.zeros(3, 1001), torch.arange(3)) is None
    assert FEWEST < NEWEST
