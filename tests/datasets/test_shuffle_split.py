"""Shuffled splits equal scikit-learn's, including the order of the examples."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.model_selection import train_test_split

from app.datasets.shuffle_split import is_possible, shuffle_split, taken_count

SIZES = st.one_of(st.floats(0.001, 0.999), st.integers(1, 60))


@given(st.lists(st.integers(0, 5), min_size=1, max_size=60), SIZES, st.integers(0, 2**32 - 1), st.booleans())
def test_a_split_is_scikit_learns_and_impossible_where_that_refuses(
    labels: list[int], size: float, seed: int, stratify: bool
) -> None:
    targets, positions = np.array(labels), np.arange(len(labels))
    taken = taken_count(len(labels), size)
    if not is_possible(taken, targets, stratify):
        with pytest.raises(ValueError, match=r"."):
            train_test_split(positions, test_size=size, stratify=targets if stratify else None)
        return
    expected = train_test_split(positions, test_size=size, random_state=seed, stratify=targets if stratify else None)
    drawn = shuffle_split(taken, targets, seed, stratify)
    assert [part.tolist() for part in drawn] == [part.tolist() for part in expected]


def test_a_large_unbalanced_split_is_scikit_learns() -> None:
    labels = np.random.default_rng(0).choice(50, 20_000, p=np.arange(1, 51) / 1275)
    expected = train_test_split(np.arange(len(labels)), test_size=0.2, random_state=7, stratify=labels)
    drawn = shuffle_split(taken_count(len(labels), 0.2), labels, 7, stratify=True)
    assert [part.tolist() for part in drawn] == [part.tolist() for part in expected]
