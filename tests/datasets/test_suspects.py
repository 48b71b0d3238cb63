"""Wrong labels come first, and maps keep similar examples together."""

from pathlib import Path

import numpy as np
import pytest

from app.datasets import maps, suspects
from app.datasets.arrays import Arrays
from app.datasets.builtin import BUILTIN
from app.datasets.maps import draw_map


def blobs(count: int, classes: int = 3, columns: int = 5, seed: int = 0) -> Arrays:
    """A table of well separated classes."""
    random = np.random.default_rng(seed)
    targets = random.integers(0, classes, count)
    centres = 10 * random.normal(size=(classes, columns))
    inputs = (centres[targets] + random.normal(size=(count, columns))).astype(np.float32)
    return Arrays(inputs, targets, tuple("abcdefghij"[:classes]))


def flipped(arrays: Arrays, share: float, seed: int = 0) -> tuple[Arrays, np.ndarray]:
    """The arrays with a share of the labels replaced by others, and the indices of these."""
    random = np.random.default_rng(seed)
    count = len(arrays.targets)
    wrong = random.choice(count, int(share * count), replace=False)
    targets = np.array(arrays.targets)
    targets[wrong] = (targets[wrong] + random.integers(1, len(arrays.classes), len(wrong))) % len(arrays.classes)
    return Arrays(arrays.inputs, targets, arrays.classes), wrong


def share_in_first_tenth(arrays: Arrays, wrong: np.ndarray) -> float:
    found = suspects.suspects(arrays)
    first = [item.index for item in found.items[: found.examined // 10]]
    return float(np.isin(wrong, first).mean())


def test_flipped_labels_come_first_with_the_right_ones_beside_them() -> None:
    right = blobs(400)
    arrays, wrong = flipped(right, 0.05)
    found = suspects.suspects(arrays)
    first = found.items[: len(wrong)]
    assert {item.index for item in first} == set(wrong.tolist())
    assert all(item.suggested == right.targets[item.index] != item.label for item in first)


def test_a_dataset_that_is_right_has_no_suspects() -> None:
    assert suspects.suspects(blobs(200)).items == []


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_few_examples_are_no_reason_to_fail(count: int) -> None:
    assert suspects.suspects(blobs(count)).examined == count
    assert len(draw_map(blobs(count), "pca").indices) == len(draw_map(blobs(count), "tsne").indices) == count


def test_columns_without_a_value_or_without_any_difference_count_for_nothing() -> None:
    arrays, wrong = flipped(blobs(300), 0.05)
    arrays.inputs[::7, 0] = np.nan
    arrays.inputs[:, 1] = 4
    assert share_in_first_tenth(arrays, wrong) >= 0.9


def test_of_very_many_examples_a_sample_is_examined(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suspects, "MOST", 50)
    found = suspects.suspects(blobs(300))
    assert found.examined == 50


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_on_a_map_an_example_is_closer_to_its_class_than_to_others(method: maps.Method) -> None:
    arrays = blobs(150)
    found = draw_map(arrays, method)
    assert found.points.shape == (150, 2) and np.abs(found.points).max() == pytest.approx(1)
    centres = np.stack([found.points[arrays.targets == label].mean(0) for label in range(3)])
    nearest = np.square(found.points[:, None] - centres).sum(2).argmin(1)
    assert (nearest == arrays.targets).mean() > 0.95


@pytest.mark.parametrize("method", ["pca", "tsne"])
def test_equal_examples_are_all_at_one_place(method: maps.Method) -> None:
    equal = Arrays(np.full((20, 1, 4, 4), 7, np.uint8), np.arange(20) % 2, ("a", "b"))
    points = draw_map(equal, method).points
    assert points.shape == (20, 2) and np.isfinite(points).all() and np.ptp(points) == 0


def test_a_map_of_one_column_is_a_line() -> None:
    assert np.ptp(draw_map(blobs(50, columns=1), "pca").points[:, 1]) == 0


@pytest.mark.long
@pytest.mark.parametrize("name", ["digits", "notmnist"])
@pytest.mark.parametrize("seed", range(3))
def test_four_fifths_of_flipped_labels_are_in_the_first_tenth(name: str, seed: int, tmp_path: Path) -> None:
    arrays, wrong = flipped(BUILTIN[name].load(), 0.05, seed)
    assert share_in_first_tenth(arrays, wrong) >= 0.8
