"""The built-in copies of scikit-learn's datasets equal the originals."""

import numpy as np
from PIL import Image
from sklearn.datasets import load_diabetes, load_digits

from app.datasets.builtin import BUILTIN


def test_the_digits_are_scikit_learns() -> None:
    original = load_digits()
    digits = BUILTIN["digits"].load()
    small = (original.images * (255 / 16)).round().astype(np.uint8)
    for place in range(len(small)):
        resized = Image.fromarray(small[place]).resize((28, 28), Image.Resampling.BILINEAR)
        assert np.array_equal(digits.inputs[place, 0], np.asarray(resized))
    assert np.array_equal(digits.targets, original.target)


def test_the_diabetes_table_is_scikit_learns() -> None:
    table, original = BUILTIN["diabetes"].load(), load_diabetes(scaled=False)
    assert np.array_equal(table.inputs, original.data.astype(np.float32))
    assert np.array_equal(table.targets, original.target.astype(np.float32))
    assert list(table.feature_names) == original.feature_names
