"""Rows of a prediction by the names of their columns: all that is wrong is said at once."""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from app.errors import InvalidFields
from app.serving.instances import Column, Columns, instances

HOUSES = Columns((Column("rooms"), Column("kind", ("flat", "house"))), frozenset({"price", "address"}))
HOUSE = {"rooms": 3, "kind": "flat"}


def read(*rows: dict[str, Any]) -> list[list[float]]:
    return instances(json.dumps({"instances": rows}).encode(), (3,), lambda: HOUSES).tolist()


@settings(max_examples=20)
@given(st.dictionaries(st.sampled_from(["price", "address"]), st.none() | st.text() | st.lists(st.integers())))
def test_a_row_of_the_table_is_taken_with_its_target_and_with_what_the_import_left_out(others: dict[str, Any]) -> None:
    assert read(HOUSE | others, others | HOUSE) == [[3, 1, 0], [3, 1, 0]]


def test_all_that_is_wrong_in_a_row_is_said_at_once() -> None:
    with pytest.raises(InvalidFields) as refused:
        read(HOUSE, {"room": 3, "kind": "castle", "price": 3, "colour": "red"})
    said = {error.pointer: error.message.code for error in refused.value.errors}
    assert said == {
        "/instances/1/room": "no_such_instance_column",
        "/instances/1/colour": "no_such_instance_column",
        "/instances/1": "instance_columns_missing",
        "/instances/1/kind": "instance_value_not_category",
    }
    assert "did you mean 'rooms'" in refused.value.errors[0].detail


def test_very_many_unknown_columns_are_counted() -> None:
    with pytest.raises(InvalidFields) as refused:
        read(HOUSE | {f"c{number}": 1 for number in range(1000)})
    assert len(refused.value.errors) + refused.value.further == 1000 and len(refused.value.errors) <= 20
