"""Columns that are no inputs, and targets that are classes."""

import random
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.datasets.import_options import limited
from tests.support.imports import codes_of, imported

R = random.Random(1)


def noise(index: str, rows: int = 120, count: int = 0, step: int = 1) -> bytes:
    lines = [f"{count + step * row},{R.random():.2f},{'a' if row < rows / 2 else 'b'}" for row in range(rows)]
    return "\n".join([f"{index},width,label", *lines]).encode()


@pytest.mark.parametrize(("name", "start"), [("", 0), ("Unnamed: 0", 0), ("id", 0), ("row", 1), ("", 500), ("x", 1)])
def test_a_column_that_numbers_the_rows_is_left_out(tmp_path: Path, name: str, start: int) -> None:
    found = imported(tmp_path, noise(name, count=start), target="label")
    assert found.arrays.feature_names == ("width",) and codes_of(found) == ["row_index_left_out"]


@pytest.mark.parametrize(("start", "step"), [(1000, 1), (5, 1), (-60, 1), (120, -1), (9999, -1), (2150, 1)])
def test_it_may_count_from_any_number_up_or_down(tmp_path: Path, start: int, step: int) -> None:
    found = imported(tmp_path, noise("id", count=start, step=step), target="label")
    assert found.arrays.feature_names == ("width",) and codes_of(found) == ["row_index_left_out"]


@pytest.mark.parametrize(("start", "step"), [(1900, 1), (2024, -1)])
def test_what_may_be_years_stays_with_a_hint(tmp_path: Path, start: int, step: int) -> None:
    found = imported(tmp_path, noise("year", rows=60, count=start, step=step), target="label")
    assert found.arrays.feature_names == ("year", "width") and codes_of(found) == ["maybe_row_index"]


@pytest.mark.parametrize("step", [0, 2, -10])
def test_evenly_spaced_numbers_are_an_input(tmp_path: Path, step: int) -> None:
    assert "x" in imported(tmp_path, noise("x", count=7, step=step), target="label").arrays.feature_names


def test_it_is_an_input_if_its_type_is_given_or_nothing_else_is_there(tmp_path: Path) -> None:
    found = imported(tmp_path, noise("id"), target="label", types={"id": "number"})
    assert found.arrays.feature_names == ("id", "width") and codes_of(found) == []
    found = imported(tmp_path, noise("id"), target="label", types={"width": "ignore"})
    assert found.arrays.feature_names == ("id",) and codes_of(found) == ["row_index_is_input"]


def test_a_named_column_that_does_not_count_every_row_stays(tmp_path: Path) -> None:
    lines = noise("id").decode().splitlines()
    lines[7] = lines[7].replace("6,", "7,", 1)
    assert "id" in imported(tmp_path, "\n".join(lines).encode(), target="label").arrays.feature_names
    short = imported(tmp_path, noise("id", rows=10), target="label")
    assert "id" in short.arrays.feature_names


@pytest.mark.parametrize("name", ["id", "ID", "Id", "customer_id", "Sample ID", "PassengerId", "no.", "№", "index"])
def test_a_column_called_like_an_identifier_that_differs_in_all_rows_is_named(tmp_path: Path, name: str) -> None:
    numbers = random.Random(0).sample(range(10**6), 60)  # as in a shuffled part of a table
    rows = [f"{number},{row % 7}.5,{'ab'[row % 2]}" for row, number in enumerate(numbers)]
    text = "\n".join([f"{name},width,label", *rows])
    found = imported(tmp_path, text.encode(), target="label")
    assert found.arrays.feature_names == (name, "width") and codes_of(found) == ["maybe_identifier"]
    assert codes_of(imported(tmp_path, text.encode(), target="label", types={name: "number"})) == []
    assert codes_of(imported(tmp_path, text.replace(name, "grid", 1).encode(), target="label")) == []
    repeated = text.replace(f"\n{numbers[3]},", f"\n{numbers[9]},")
    assert codes_of(imported(tmp_path, repeated.encode(), target="label")) == []


def test_texts_that_tell_the_rows_apart_are_left_out(tmp_path: Path) -> None:
    rows = "".join(f"name{row},{'xyz'[row % 3]},{row % 5},{'ab'[row % 2]}\n" for row in range(63))
    found = imported(tmp_path, f"name,kind,size,y\n{rows}".encode(), target="y")
    assert found.arrays.feature_names == ("kind=x", "kind=y", "kind=z", "size") and codes_of(found) == ["mostly_unique"]
    chosen = imported(tmp_path, f"name,kind,size,y\n{rows}".encode(), target="y", types={"name": "category"})
    assert len(chosen.arrays.feature_names) == 63 + 4
    many = "".join(f"name{row},{row % 5},{'ab'[row % 2]}\n" for row in range(150))
    assert codes_of(imported(tmp_path, f"name,size,y\n{many}".encode(), target="y")) == ["too_many_texts"]


@pytest.mark.parametrize("name", ["class", "label", "Species", "target"])
@pytest.mark.parametrize("least", [0, 1])
def test_a_target_of_that_name_numbers_its_classes(tmp_path: Path, name: str, least: int) -> None:
    rows = "".join(f"{row % 7},{row % 3 + least}\n" for row in range(60))
    found = imported(tmp_path, f"x,{name}\n{rows}".encode(), target=name)
    assert found.arrays.classes == tuple(str(least + label) for label in range(3))
    assert codes_of(found) == ["numbers_read_as_classes"]
    amounts = imported(tmp_path, f"x,{name}\n{rows}".encode(), target=name, task="regression")
    assert amounts.arrays.task == "regression" and codes_of(amounts) == []


@given(st.sampled_from(["class", "label", "species", "target"]), st.integers(21, 200), st.integers(0, 1))
def test_a_target_of_that_name_may_number_many_classes(name: str, classes: int, least: int) -> None:
    rows = "".join(f"{row % 7},{row % classes + least}\n" for row in range(2 * classes))
    with TemporaryDirectory() as folder:
        found = imported(Path(folder), f"x,{name}\n{rows}".encode(), target=name)
    assert len(found.arrays.classes) == classes and "numbers_read_as_classes" in codes_of(found)


def test_classes_with_a_gap_are_asked_about_however_many_they_are(tmp_path: Path) -> None:
    labels = [label for label in range(26) if label != 9]  # J is a motion in sign language
    rows = "".join(f"{row % 7},{labels[row % 25]}\n" for row in range(100))
    assert codes_of(imported(tmp_path, f"x,label\n{rows}".encode(), target="label")) == ["maybe_classes"]


@pytest.mark.parametrize("name", ["y", "target"])
def test_numbers_that_hardly_repeat_are_no_classes(tmp_path: Path, name: str) -> None:
    rows = "".join(f"{row % 7},{row**2}\n" for row in range(20))
    found = imported(tmp_path, f"x,{name}\n{rows}".encode(), target=name)
    assert found.arrays.task == "regression" and codes_of(found) == []
    counted = "".join(f"{row % 7},{row}\n" for row in range(30))
    assert imported(tmp_path, f"x,{name}\n{counted}".encode(), target=name).arrays.task == "regression"


@pytest.mark.parametrize(("name", "labels"), [("rating", (0, 1, 2)), ("class", (0, 1, 3)), ("target", (0.5, 1.5, 2.5))])
def test_another_target_of_few_numbers_asks_or_is_a_regression(tmp_path: Path, name: str, labels: tuple[float]) -> None:
    rows = "".join(f"{row % 7},{labels[row % 3]}\n" for row in range(60))
    found = imported(tmp_path, f"x,{name}\n{rows}".encode(), target=name)
    assert found.arrays.task == "regression"
    assert codes_of(found) == ([] if labels[0] else ["maybe_classes"])


def test_many_equal_remarks_are_counted(tmp_path: Path) -> None:

    names = [f"n{place}" for place in range(50)]
    rows = "\n".join(",".join([*(f"{name}-{row}" for name in names), "ab"[row % 2], str(row % 3)]) for row in range(40))
    found = imported(tmp_path, f"{','.join(names)},kind,y\n{rows}".encode(), target="y")
    kept = limited(found.remarks)
    assert [remark.code for remark in kept].count("mostly_unique") == 20
    assert kept[-1].params["count"] == 30
