"""Remarks about the examples of a dataset, whatever its format."""

import numpy as np
import pytest
from numpy.typing import NDArray

from app.datasets.arrays import Arrays
from app.datasets.examples import remarks

CHANCE = np.random.default_rng(0)
TWO = np.array([0, 1] * 20)


def pictures(count: int = 40, side: int = 7) -> NDArray[np.uint8]:
    return CHANCE.integers(0, 256, (count, 1, side, side), dtype=np.uint8)


def codes(arrays: Arrays) -> list[str]:
    return [remark.code for remark in remarks(arrays)]


def test_sound_examples_need_no_remark() -> None:
    assert codes(Arrays(pictures(), TWO, ("a", "b"))) == []
    assert codes(Arrays(CHANCE.random((40, 3), np.float32), CHANCE.random(40, np.float32))) == []


@pytest.mark.parametrize("value", [0, 255, 17])
def test_pictures_of_one_value_are_errors(value: int) -> None:
    blank = np.full((40, 3, 5, 5), value, np.uint8)
    assert codes(Arrays(blank, TWO, ("a", "b"))) == ["pictures_of_one_value", "inputs_are_equal"]
    some = pictures()
    some[:5] = value
    (remark,) = remarks(Arrays(some, TWO, ("a", "b")))
    assert remark.text().startswith("5 of 40 pictures are of one value everywhere")
    some[:5] = pictures(5)
    some[0] = value
    assert codes(Arrays(some, TWO, ("a", "b"))) == []


@pytest.mark.parametrize("blanks", range(11))
def test_a_class_of_mostly_blank_pictures_is_named(blanks: int) -> None:
    inputs = pictures(200)
    targets = np.repeat(np.arange(20), 10)
    inputs[70 : 70 + blanks] = 255
    said = [remark.text() for remark in remarks(Arrays(inputs, targets, tuple("abcdefghijklmnopqrst")))]
    sentence = f"1 of 20 classes has mostly pictures of one value everywhere: h ({blanks} of 10)"
    assert said == ([sentence] if blanks > 5 else [])


@pytest.mark.parametrize("side", [3, 4, 7])  # of bytes that fill whole words, and that do not
def test_copies_across_own_parts_are_counted(side: int) -> None:
    inputs = pictures(40, side)
    parts = np.repeat(np.array([0, 1, 2], np.uint8), [20, 5, 15])
    assert codes(Arrays(inputs, TWO, ("a", "b"), parts=parts)) == []
    inputs[25:29] = inputs[3]
    (remark,) = remarks(Arrays(inputs, TWO, ("a", "b"), parts=parts))
    assert remark.code == "copies_across_parts" and (remark.params["count"], remark.params["examples"]) == (4, 15)


def test_copies_in_the_validation_part_are_counted_by_the_other_part() -> None:
    inputs = pictures(40)
    parts = np.repeat(np.array([0, 1, 2], np.uint8), [20, 10, 10])
    inputs[20:23], inputs[25] = inputs[3], inputs[35]
    of_train, of_test = remarks(Arrays(inputs, TWO, ("a", "b"), parts=parts))
    assert of_train.text().startswith("3 of 10 validation examples are exact copies of training examples, so the vali")
    assert of_test.text().startswith("1 of 10 validation examples is an exact copy of test examples, so the choice")


def test_rows_that_are_copies_are_counted_too() -> None:
    inputs = CHANCE.random((40, 3), np.float32)
    inputs[30:] = inputs[:10]
    parts = np.repeat(np.array([0, 2], np.uint8), [20, 20])
    (remark,) = remarks(Arrays(inputs, TWO, ("a", "b"), parts=parts))
    assert remark.params["count"] == 10


def test_classes_that_are_too_small_are_named() -> None:
    targets = np.repeat(np.arange(4), [30, 5, 4, 1])
    (remark,) = remarks(Arrays(pictures(), targets, ("a", "b", "c", "d")))
    assert remark.text().startswith("2 of 4 classes have fewer than 5 examples: c (4), d (1);")
