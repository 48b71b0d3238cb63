"""Tables: what their columns hold is found, and what cannot be is said with the column and the value."""

import csv
import gzip
import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.datasets.errors import ImportFailed
from app.datasets.reading import Imported
from tests.datasets.reading import imported

HOUSES = "rooms,kind,price\n3,flat,100.5\n5,house,250\n,flat,90\n4,,180\n"


def table(folder: Path, text: str, target: str = "price", **reading: Any) -> Imported:
    return imported(folder, text.encode(), target=target, **reading)


def parquet(columns: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


def about(found: Imported) -> dict[str, Any]:
    return {column["name"]: column for column in found.about["columns"]}


def test_numbers_stay_categories_become_columns_and_what_is_missing_is_counted(tmp_path: Path) -> None:
    found = table(tmp_path, HOUSES)
    assert found.arrays.task == "regression" and found.arrays.feature_names == ("rooms", "kind=flat", "kind=house")
    expected = [[3, 1, 0], [5, 0, 1], [np.nan, 1, 0], [4, 0, 0]]
    np.testing.assert_array_equal(found.arrays.inputs, np.array(expected, np.float32))
    assert found.arrays.targets.tolist() == [100.5, 250, 90, 180]
    assert about(found)["rooms"] == {"name": "rooms", "type": "number", "missing": 1}
    assert about(found)["kind"] == {"name": "kind", "type": "category", "missing": 1, "categories": ["flat", "house"]}
    assert found.arrays.about()["missing"] == 1


def test_a_target_of_texts_is_classes_and_one_of_numbers_is_not_unless_it_is_said(tmp_path: Path) -> None:
    flowers = "width,kind\n1.5,setosa\n2.5,virginica\n3.5,setosa\n"
    found = table(tmp_path, flowers, "kind")
    assert found.arrays.classes == ("setosa", "virginica") and found.arrays.targets.tolist() == [0, 1, 0]
    digits = "x,digit\n1,10\n2,9\n3,10\n"
    found = table(tmp_path, digits, "digit")
    assert found.arrays.task == "regression" and "task=classification" in found.about["warnings"][0]
    found = table(tmp_path, digits, "digit", task="classification")
    assert found.arrays.classes == ("9", "10") and found.arrays.targets.tolist() == [1, 0, 1]  # in their order
    assert found.about["warnings"] == []


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_separators_and_encodings_are_found(tmp_path: Path, separator: str, encoding: str) -> None:
    text = "größe,preis\n1,2\n3,4\n".replace(",", separator)
    found = imported(tmp_path, text.encode(encoding), target="preis")
    assert found.arrays.feature_names == ("größe",) and found.arrays.targets.tolist() == [2, 4]
    assert found.about["separator"] == separator


def test_a_decimal_comma_is_read_where_no_comma_separates(tmp_path: Path) -> None:
    found = table(tmp_path, "x;price\n1,5;2,25\n-0,5;3\n")
    assert found.arrays.inputs.tolist() == [[1.5], [-0.5]] and found.arrays.targets.tolist() == [2.25, 3]


def test_quotes_hold_separators_and_lines(tmp_path: Path) -> None:
    found = table(tmp_path, 'note,price\n"a, ""b""\nc",1\nplain,2\n')
    assert about(found)["note"]["categories"] == ['a, "b"\nc', "plain"]


def test_a_packed_table_is_read_too(tmp_path: Path) -> None:
    assert imported(tmp_path, gzip.compress(HOUSES.encode()), target="price").arrays.targets.shape == (4,)


def test_types_can_be_said(tmp_path: Path) -> None:
    codes = "code,note,price\n10,a,1\n20,b,2\n10,c,3\n"
    found = table(tmp_path, codes, types={"code": "category", "note": "ignore"})
    assert found.arrays.feature_names == ("code=10", "code=20")
    for types, said in ({"note": "number"}, "holds 'a'"), ({"not": "number"}, "'not'"), ({"price": "number"}, "task="):
        with pytest.raises(ImportFailed, match=said):
            table(tmp_path, codes, types=types)


def test_what_cannot_be_an_input_is_left_out_and_said_to_be(tmp_path: Path) -> None:
    rows = "".join(f"name{number},,{number % 7},{number}\n" for number in range(150))
    found = table(tmp_path, f"name,empty,x,price\n{rows}")
    assert found.arrays.feature_names == ("x",)
    assert "100 different" in about(found)["name"]["reason"] and "missing" in about(found)["empty"]["reason"]


def test_rows_that_do_not_fit_are_skipped_with_their_line(tmp_path: Path) -> None:
    found = table(tmp_path, "x,price\n1,2\n3\n4,5,6\n7,8\n9,\n")
    assert found.arrays.targets.tolist() == [2, 8]
    assert {item["file"]: item["reason"] for item in found.skipped} == {
        "line 3": "has 1 values, the header 2",
        "line 4": "has 3 values, the header 2",
        "price": "1 rows have no target; they are left out",
    }


@pytest.mark.parametrize(
    ("text", "reading", "said"),
    [
        ("x,price\n1,5\n2,5\n", {}, "'5' in every row: there is nothing to predict"),
        ("x,price\n1,\n2,NA\n", {}, "missing in every row"),
        ("x,price\n1,2\n2,dear\n", {"task": "regression"}, "holds 'dear'"),
        ("x,price\n1,2\n2,3\n", {"target": "prize"}, "no column is called 'prize'.*x, price"),
        ("x,x,price\n1,1,2\n", {}, "two columns are called 'x'"),
        ("price\n1\n2\n", {}, "alone"),
        ("note,price\n,1\n,2\n", {}, "no column is left"),
        ("", {}, "nothing that can be read"),
        ("\n\n", {}, "nothing that can be read"),
        ("x,price\n", {}, "missing in every row"),
        ('x,price\n"1,2\n3,4\n', {}, "missing in every row|line"),
        ("x,price\n" + "1" * (2**20 + 1) + ",2\n", {}, "line 2 cannot be read"),
    ],
)
def test_a_table_that_is_none_is_refused_with_what_would_be_right(
    tmp_path: Path, text: str, reading: dict[str, Any], said: str
) -> None:
    with pytest.raises(ImportFailed, match=said):
        table(tmp_path, text, **{"target": "price"} | reading)


def test_values_that_differ_late_stay_apart(tmp_path: Path) -> None:
    data = parquet({"product": [1000001, 1000002, 1000003, 1000001], "price": [1.5, 2.5, 3.5, 4.5]})
    found = imported(tmp_path, data, target="price", types={"product": "category"})
    assert found.arrays.feature_names == ("product=1000001", "product=1000002", "product=1000003")
    labels = imported(tmp_path, parquet({"x": [1, 2, 3], "y": [12345671, 12345672, 99999991]}), target="y",
                      task="classification")  # fmt: skip
    assert labels.arrays.classes == ("12345671", "12345672", "99999991")


def test_a_comma_that_may_part_thousands_is_a_warning(tmp_path: Path) -> None:
    found = table(tmp_path, "x\tprice\n1\t12,500\n2\t900\n")
    assert found.arrays.targets.tolist() == [12.5, 900] and "'12,500'" in found.about["warnings"][-1]
    assert table(tmp_path, "x;price\n1;12,55\n2;9,1\n").about["warnings"] == []


def test_what_is_infinite_is_missing(tmp_path: Path) -> None:
    rows = "".join(f"{'inf' if number == 7 else number},{number}\n" for number in range(150))
    found = table(tmp_path, f"x,price\n{rows}")
    assert about(found)["x"] == {"name": "x", "type": "number", "missing": 1}


def test_numbers_that_float32_cannot_hold_are_none(tmp_path: Path) -> None:
    for value in ("1e39", "1_000"):
        found = table(tmp_path, f"x,y,price\n{value},1,1\n2,2,2\n")
        assert about(found)["x"]["type"] == "category"


def test_ten_thousand_columns_are_read(tmp_path: Path) -> None:
    names = [f"x{number}" for number in range(10_000)]
    rows = "\n".join(",".join(map(str, range(row, row + 10_001))) for row in range(5))
    found = table(tmp_path, f"{','.join(names)},price\n{rows}\n")
    assert found.arrays.inputs.shape == (5, 10_000) and found.arrays.inputs[3, 17] == 20


def test_parquet_is_read_by_its_types(tmp_path: Path) -> None:
    data = parquet(
        {
            "rooms": pa.array([3, None, 4], pa.int16()),
            "new": [True, False, None],
            "kind": pa.array(["flat", "house", "flat"]).dictionary_encode(),
            "sold": pa.array([0, 1, 2], pa.date32()),
            "price": [1.5, 2.5, math.nan],
        }
    )
    found = imported(tmp_path, data, target="price")
    assert found.arrays.feature_names == ("rooms", "new", "kind=flat", "kind=house")
    np.testing.assert_array_equal(found.arrays.inputs, np.array([[3, 1, 1, 0], [np.nan, 0, 0, 1]], np.float32))
    assert found.about["unread_columns"] == ["sold"] and found.arrays.targets.tolist() == [1.5, 2.5]


def test_a_damaged_parquet_file_is_refused(tmp_path: Path) -> None:
    data = parquet({"x": list(range(1000)), "price": list(range(1000))})
    for broken in (data[:-100], data[:100] + b"\xff" * 200 + data[300:], b"PAR1" + b"x" * 50):
        with pytest.raises(ImportFailed, match="damaged"):
            imported(tmp_path, broken, target="price")


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5)
VALUES = st.one_of(st.floats(width=32, allow_nan=False, allow_infinity=False), st.none())


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(VALUES, TEXTS, st.floats(-1e6, 1e6)), min_size=2, max_size=30))
def test_what_a_table_says_is_what_is_read(tmp_path: Path, rows: list[tuple[float | None, str, float]]) -> None:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["x", "note", "price"])
    writer.writerows([("" if x is None else repr(x), note, repr(price)) for x, note, price in rows])
    if len({float(f"{price!r}") for _, _, price in rows}) < 2:
        return
    try:
        found = imported(tmp_path, file.getvalue().encode(), target="price")
    except ImportFailed as error:
        assert "no column is left" in str(error)
        return
    np.testing.assert_array_equal(found.arrays.targets, np.array([price for *_, price in rows], np.float32))
    if "x" in found.arrays.feature_names:
        column = found.arrays.inputs[:, found.arrays.feature_names.index("x")]
        np.testing.assert_array_equal(column, np.array([np.nan if x is None else x for x, *_ in rows], np.float32))
