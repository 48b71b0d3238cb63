"""Tables: column types are detected, and errors name the column and the value."""

import csv
import gzip
import io
import math
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.datasets.errors import ImportFailed
from app.datasets.import_options import Imported
from tests.support.archives import zipped
from tests.support.imports import codes_of, imported, warnings_of
from tests.support.tables import parquet

HOUSES = "rooms,kind,price\n3,flat,100.5\n5,house,250\n,flat,90\n4,,180\n"


def table(folder: Path, text: str, target: str = "price", **reading: Any) -> Imported:
    return imported(folder, text.encode(), target=target, **reading)


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
    assert found.arrays.about()["missing"] == found.about["missing_categories"] == 1


def test_what_is_missing_is_counted_in_the_rows_that_are_kept_and_the_columns_that_are_used(tmp_path: Path) -> None:
    text = "rooms,kind,town,price\n3,,Ulm,100\n,NA,,90\n4,flat,Ulm,\n,?,,\n5,house,Ulm,110\n"
    found = table(tmp_path, text, types={"town": "ignore"})
    assert (found.arrays.about()["missing"], found.about["missing_categories"]) == (1, 2)


def test_a_target_of_texts_is_classes_and_one_of_numbers_is_not_unless_it_is_said(tmp_path: Path) -> None:
    flowers = "width,kind\n1.5,setosa\n2.5,virginica\n3.5,setosa\n"
    found = table(tmp_path, flowers, "kind")
    assert found.arrays.classes == ("setosa", "virginica") and found.arrays.targets.tolist() == [0, 1, 0]
    digits = "x,digit\n1,10\n2,9\n3,10\n"
    found = table(tmp_path, digits, "digit")
    assert found.arrays.task == "regression" and "task=classification" in warnings_of(found)[0]
    found = table(tmp_path, digits, "digit", task="classification")
    assert found.arrays.classes == ("9", "10") and found.arrays.targets.tolist() == [1, 0, 1]  # in numeric order
    assert warnings_of(found) == []


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
        "line 3": "has 1 value, but the first line has 2",
        "line 4": "has 3 values, but the first line has 2",
        "price": "1 row has no target; it is left out",
    }


@pytest.mark.parametrize(
    ("text", "reading", "said"),
    [
        ("x,price\n1,5\n2,5\n", {}, "'5' in every row: there is nothing to predict"),
        ("x,price\n1,\n2,NA\n", {}, "missing in every row"),
        ("x,price\n1,2\n2,dear\n", {"task": "regression"}, "holds 'dear'"),
        ("x,price\n1,2\n2,3\n", {"target": "prize"}, "the column 'prize', which does not exist.*x, price"),
        ("x,x,price\n1,1,2\n", {}, "two columns are called 'x'"),
        ("price\n1\n2\n", {}, "only the column"),
        ("note,price\n,1\n,2\n", {}, "no column is left"),
        ("", {}, "format is unknown"),
        ("\n\n", {}, "format is unknown"),
        ("x,price\n", {}, "only a header"),
        ("x,price\n1\n2\n3,4,5\n", {}, "all 3 rows are left out; line 2 has 1 value, but the first line has 2"),
        ("x,price\n1\n", {}, "the only row is left out"),
        ("x,price\n1\n2,\n", {}, "missing in every row. 1 row was skipped; line 2: has 1 value"),
        ("x,note,price\n1,a,2\n2,b,3\n", {"types": {"x": "ignore", "note": "ignore"}}, "types= ignores them all"),
        ('x,price\n"1,2\n3,4\n', {}, "line 2 cannot be read.*if a quote is open"),
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
    assert found.arrays.targets.tolist() == [12.5, 900] and "'12,500'" in warnings_of(found)[-1]
    assert warnings_of(table(tmp_path, "x;price\n1;12,55\n2;9,1\n")) == []


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
            "seen": pa.array([0, 1, 2], pa.time32("s")),
            "price": [1.5, 2.5, math.nan],
        }
    )
    found = imported(tmp_path, data, target="price")
    assert found.arrays.feature_names == ("rooms", "new", "kind=flat", "kind=house")
    np.testing.assert_array_equal(found.arrays.inputs, np.array([[3, 1, 1, 0], [np.nan, 0, 0, 1]], np.float32))
    assert found.about["unread_columns"] == ["seen"] and found.arrays.targets.tolist() == [1.5, 2.5]


def test_a_damaged_parquet_file_is_refused(tmp_path: Path) -> None:
    data = parquet({"x": list(range(1000)), "price": list(range(1000))})
    for broken in (data[:-100], data[:100] + b"\xff" * 200 + data[300:], b"PAR1" + b"x" * 50):
        with pytest.raises(ImportFailed, match="damaged"):
            imported(tmp_path, broken, target="price")


def thousand(**changed: str) -> str:
    """A table of a thousand rows, with the given lines replaced."""
    rows = [f"{line},{'ab'[line % 2]},{line / 4}" for line in range(2, 1002)]
    for line, row in changed.items():
        rows[int(line.removeprefix("line")) - 2] = row
    return "\n".join(["x,kind,price", *rows, ""])


def test_a_stray_quote_loses_no_row_in_silence(tmp_path: Path) -> None:
    assert len(table(tmp_path, thousand()).arrays.targets) == 1000
    for rows in (
        thousand(line50='50,"a,12.5'),  # up to the end
        thousand(line50='50,"a,12.5', line60='60,"b",15'),
        thousand(line50='50,"a,12.5', line60='60,b"'),
        thousand(line48='48,"two\nlines",12', line49='49,"a,12.5'),  # later lines are one further down
    ):
        with pytest.raises(ImportFailed, match=r"lines? 50 .*if a quote is open"):
            table(tmp_path, rows)
    found = table(tmp_path, thousand(line50='50,"a,12.5', line60='60,b",15'))  # a single valid value
    assert len(found.arrays.targets) == 990 and "joins lines 50 to 60 into one row" in warnings_of(found)[0]


def test_rows_left_out_are_a_warning_when_they_are_many(tmp_path: Path) -> None:
    few = {f"line{line}": f"{line},a" for line in range(100, 105)}
    assert warnings_of(table(tmp_path, thousand(**few))) == []
    many = {f"line{line}": f"{line},a" for line in range(100, 400)}
    assert warnings_of(table(tmp_path, thousand(**many))) == [
        "300 of 1,000 rows are left out; read the reasons in `skipped`, and correct these rows"
    ]
    half = "x,price\n" + "".join(f"{row},{row if row % 2 else ''}\n" for row in range(100))
    assert "50 of 100 rows" in warnings_of(table(tmp_path, half))[0]


def numbers(*values: object) -> str:
    return "x,price\n" + "".join(f"{row},{value}\n" for row, value in enumerate(values))


def amounts(*values: object) -> str:
    return "x,price\n" + "".join(f"{row % 7},{value}\n" for row, value in enumerate(values))


def test_targets_are_compared_as_the_numbers_that_they_are(tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match="'5' in every row"):
        table(tmp_path, numbers("5", "5.0", "5e0"))
    with pytest.raises(ImportFailed, match="from 1000000000 to 1000000007, which are equal as float32"):
        table(tmp_path, numbers(*range(10**9, 10**9 + 8)))
    with pytest.raises(ImportFailed, match="equal as float32"):  # more of them than are counted
        table(tmp_path, numbers(*(10**9 + row / 100 for row in range(2000))))
    found = table(tmp_path, numbers(*range(1_700_000_000, 1_700_030_000, 10)))
    assert "as float32" in warnings_of(found)[0] and len(found.arrays.targets) == 3000
    assert codes_of(table(tmp_path, numbers(*(row / 3 for row in range(3000))))) == ["row_index_is_input"]


def test_classes_that_are_numbers_are_named_by_them_however_they_are_written(tmp_path: Path) -> None:
    found = table(tmp_path, numbers("0", "1", "0.0", "1.0", "-0", "2.50", "10", "1e1"), task="classification")
    assert found.arrays.classes == ("0", "1", "2.5", "10")
    assert found.arrays.targets.tolist() == [0, 1, 0, 1, 0, 2, 3, 3]
    found = table(tmp_path, numbers("0", "0.0", "none of them", "a"))  # texts are unchanged
    assert found.arrays.classes == ("0", "0.0", "a", "none of them")
    assert len(table(tmp_path, numbers(*range(10**9, 10**9 + 8)), task="classification").arrays.classes) == 8


RUSSIAN = "имя,вид\n1,кот\n2,пёс\n3,кот\n"


def test_an_encoding_can_be_said_and_a_guess_is_a_warning(tmp_path: Path) -> None:
    guessed = imported(tmp_path, RUSSIAN.encode("cp1251"), target="âèä")  # decoded as Windows-1252
    assert "encoding=cp1251" in warnings_of(guessed)[0] and guessed.about["encoding"] == "cp1252"
    for encoding in ("cp1251", "koi8-r", "utf-16-le", "utf-16-be", "UTF-8"):
        found = imported(tmp_path, RUSSIAN.encode(encoding), target="вид", encoding=encoding)
        assert found.arrays.feature_names == ("имя",) and found.arrays.classes == ("кот", "пёс")
        assert not any("encoding=" in warning for warning in warnings_of(found))
    polish = imported(tmp_path, "płeć,miód\nż,1.5\nó,2.5\n".encode("cp1250"), target="miód", encoding="cp1250")
    assert polish.arrays.feature_names == ("płeć=ó", "płeć=ż")
    marked = imported(tmp_path, '\ufeff"имя",вид\n1,кот\n2,пёс\n'.encode(), target="вид", encoding="utf-8")
    assert marked.arrays.feature_names == ("имя",)
    assert imported(tmp_path, "größe,y\n1,2\n3,4\n".encode(), target="y").about["encoding"] == "utf-8"


@pytest.mark.parametrize(
    "name", ["klingon", "base64", "rot13", "idna", "utf-7", "unicode_escape", "undefined", "", "\0"]
)
def test_what_is_no_character_encoding_is_refused_with_usual_ones(tmp_path: Path, name: str) -> None:
    with pytest.raises(ImportFailed, match=r"is not supported.*cp1251"):
        table(tmp_path, HOUSES, encoding=name)


def test_what_does_not_fit_its_encoding_or_has_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match=r"is not text.*encoding="):
        imported(tmp_path, RUSSIAN.encode("cp1251"), target="вид", encoding="utf-8")
    with pytest.raises(ImportFailed, match="encoding=utf-16-le"):
        imported(tmp_path, RUSSIAN.encode("utf-16-le"), target="вид")
    with pytest.raises(ImportFailed, match=r"a Parquet table, .* leave out encoding="):
        imported(tmp_path, parquet({"x": [1, 2], "price": [1.5, 2.5]}), target="price", encoding="utf-8")


def test_truth_values_are_classes_unless_it_is_said(tmp_path: Path) -> None:
    data = parquet({"x": [1, 2, 3, 4], "price": [True, False, None, True]})
    found = imported(tmp_path, data, target="price").arrays
    assert found.classes == ("0", "1") and found.targets.tolist() == [1, 0, 1]
    assert imported(tmp_path, data, target="price", task="regression").arrays.targets.tolist() == [1, 0, 1]


def test_what_parquet_holds_and_is_not_read_is_called_by_its_name(tmp_path: Path) -> None:
    times = pa.array([0, 1, 2], pa.time32("s"))
    data = parquet({"x": [1, 2, 3], "seen": times, "parts": [[1], [2], [3]], "nothing": [None] * 3, "price": [1, 2, 4]})
    columns = about(imported(tmp_path, data, target="price"))
    assert "times of day" in columns["seen"]["reason"] and "nested values" in columns["parts"]["reason"]
    assert columns["nothing"]["reason"] == "all its values are missing"
    with pytest.raises(ImportFailed, match="'seen' holds times of day or durations, which are not read"):
        imported(tmp_path, data, target="seen")
    with pytest.raises(ImportFailed, match="'seen' cannot be a number: it holds times"):
        imported(tmp_path, data, target="price", types={"seen": "number"})


def test_texts_that_would_be_numbers_without_their_signs_are_a_warning(tmp_path: Path) -> None:
    alone = warnings_of(table(tmp_path, amounts(*(f"${row}0" for row in range(1, 30)))))
    assert len(alone) == 1 and "of the 29 classes" in alone[0] and "without signs" in alone[0]
    (said,) = warnings_of(table(tmp_path, amounts(*(f"{row % 3} €" for row in range(30)))))
    assert "'0 €'" in said
    parted = "x,price\n" + "".join(f"{row} 001,{row / 4}\n" for row in range(1, 9))
    (said,) = warnings_of(table(tmp_path, parted))
    assert "'x' holds '1 001'" in said
    assert warnings_of(table(tmp_path, parted, types={"x": "category"})) == []
    for values in ("a,b,$5,c", "10:30,11:30,10:45,11:45", "1.2.3,1.2.4,2.0.0,1.1.1"):
        rows = "x,price\n" + "".join(f"{value},{row / 4}\n" for row, value in enumerate(values.split(",")))
        assert warnings_of(table(tmp_path, rows)) == []


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (zipped({"[Content_Types].xml": b"", "xl/workbook.xml": b""}), "an Excel workbook.*CSV"),
        (b"%PDF-1.7\n1 0 obj\n", "a PDF"),
        (b"7z\xbc\xaf\x27\x1c\0\4", "a .7z archive; pack it as .zip"),
        (b"Rar!\x1a\x07\1\0", "a .rar archive; pack it as .zip"),
        (gzip.compress(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), ".xls"),
    ],
    ids=["workbook", "PDF", "7z", "rar", "packed xls"],
)
def test_another_format_is_called_by_its_name(tmp_path: Path, data: bytes, said: str) -> None:
    for target in (None, "price"):
        with pytest.raises(ImportFailed, match=said):
            imported(tmp_path, data, target=target)


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=5)
VALUES = st.one_of(st.floats(width=32, allow_nan=False, allow_infinity=False), st.none())


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(rows=st.lists(st.tuples(VALUES, TEXTS, st.floats(-1e6, 1e6)), min_size=2, max_size=30))
def test_what_a_table_says_is_what_is_read(tmp_path: Path, rows: list[tuple[float | None, str, float]]) -> None:
    file = io.StringIO()
    writer = csv.writer(file)
    writer.writerow(["x", "note", "price"])
    writer.writerows([("" if x is None else repr(x), note, repr(price)) for x, note, price in rows])
    if len({np.float32(price) for _, _, price in rows}) < 2:
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


def test_a_name_that_a_wrong_encoding_hides_says_so(tmp_path: Path) -> None:
    russian = "город,цена\nМосква,1\nТверь,2\nМосква,3\n".encode("cp1251")
    with pytest.raises(ImportFailed, match=r"the column 'цена', which does not exist.*such as encoding=cp1251"):
        imported(tmp_path, russian, target="цена")
    assert imported(tmp_path, russian, target="цена", encoding="cp1251").arrays.targets.tolist() == [1, 2, 3]


def test_rows_that_are_left_out_are_counted_beyond_those_that_are_listed(tmp_path: Path) -> None:
    found = imported(tmp_path, ("x,price\n" + "1,2\n2,3\n" * 50 + "odd\n" * 1500).encode(), target="price")
    assert found.about["skipped_count"] == 1500 and len(found.skipped) == 1001
