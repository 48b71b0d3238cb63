"""Numbers as people and spreadsheets write them."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.datasets.formats.numbers import missing, number
from tests.support.imports import codes_of, imported, said_of


def dotted(value: int) -> str:
    return f"{value:,}".replace(",", ".")


@given(st.integers(-(10**9), 10**9), st.integers(0, 99))
def test_points_separate_thousands_beside_a_decimal_comma(whole: int, hundredths: int) -> None:
    assert number(f"{dotted(whole)},{hundredths:02d}", "grouped") == pytest.approx(
        whole + (-1 if whole < 0 else 1) * hundredths / 100
    )


def test_a_table_with_decimal_commas_has_thousands_with_points(tmp_path: Path) -> None:
    rows = "".join(f"O{row % 5};{dotted((1 + row) * 148)};{row // 3 + 5},50\n" for row in range(60))
    found = imported(tmp_path, f"Ort;Einwohner;Miete\n{rows}".encode(), target="Miete")
    inhabitants = found.arrays.inputs[:, found.arrays.feature_names.index("Einwohner")]
    assert inhabitants.tolist() == [(1 + row) * 148 for row in range(60)]
    assert "points_separate_thousands" in codes_of(found)


@given(st.lists(st.tuples(st.integers(1000, 10**6), st.integers(0, 99)), min_size=2, max_size=20))
def test_quoted_numbers_are_read_alike_whatever_the_separator(cells: list[tuple[int, int]]) -> None:
    for separator in ",;\t|":
        lines = [
            f'"{dotted(whole)}"{separator}"{whole % 7},{cents:02d}"{separator}{place}'
            for place, (whole, cents) in enumerate(cells)
        ]
        text = "\n".join([separator.join(("einw", "miete", "y")), *lines])
        with TemporaryDirectory() as folder:
            found = imported(Path(folder), text.encode(), target="y", types={"einw": "number"})
        assert found.arrays.feature_names == ("einw", "miete")
        assert found.arrays.inputs.tolist() == [
            pytest.approx([whole, whole % 7 + cents / 100]) for whole, cents in cells
        ]


@pytest.mark.parametrize("price", ['"12,500"', '"1,234.50"', '"1,234,567"'])
def test_commas_that_separate_thousands_are_no_decimal_commas(tmp_path: Path, price: str) -> None:
    rows = "".join(f"{price},{row}\n" for row in range(60))
    found = imported(tmp_path, f"price,y\n{rows}".encode(), target="y")
    assert found.about["columns"][0]["type"] == "category" and "maybe_numbers" in codes_of(found)


def test_a_target_with_both_signs_is_a_number(tmp_path: Path) -> None:
    rows = "".join(f"{row % 7};{dotted(1200 + 37 * row)},50\n" for row in range(60))
    found = imported(tmp_path, f"x;rent\n{rows}".encode(), target="rent")
    assert found.arrays.task == "regression" and found.arrays.targets.tolist() == [
        1200.5 + 37 * row for row in range(60)
    ]


def test_points_are_decimal_where_the_column_says_so(tmp_path: Path) -> None:
    rows = "".join(f"{1 + row % 50 / 1000:.3f};{1 + row / 10};{row},5\n" for row in range(1, 60))
    found = imported(tmp_path, f"a;b;price\n{rows}".encode(), target="price")
    assert found.arrays.inputs[0].tolist() == pytest.approx([1001, 1.1])  # `a` alone could be either


def test_what_nothing_decides_is_a_warning(tmp_path: Path) -> None:
    rows = "".join(f"{1 + row % 9}.{100 + row};{row % 4}\n" for row in range(60))
    found = imported(tmp_path, f"a;price\n{rows}".encode(), target="price", task="regression")
    assert found.arrays.inputs[0, 0] == pytest.approx(1.1)
    assert said_of(found) == ["the column 'a' holds '1.100', which is read with a decimal point"]


@pytest.mark.parametrize(
    "text",
    ["#N/A", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#NULL!", "#WERT!", "#BEZUG!", "#¡VALOR!", "#NV", "#N/D",
     "#Н/Д", "#¿NOMBRE?", "#YOK", "#HIÁNYZIK", "#GETTING_DATA", "#N/DISP", "#I/T", "#Δ/Υ", "#BRAK",
     "not available", "n/d", "(null)", "<null>", "[NULL]",
     "<NA>", "n.a.", " NaN ", "Err:502", "\\N", "--", "", "None", "-1.#IND", "#N/A N/A"],
)  # fmt: skip
def test_errors_of_spreadsheets_and_words_for_missing_are_missing(tmp_path: Path, text: str) -> None:
    assert missing(text)
    rows = "".join(
        f"{text if row == 77 else f'{30 + row * 0.7:.1f}'},{row % 5},{1000 + row * 13}\n" for row in range(300)
    )
    found = imported(tmp_path, f"area,rooms,price\n{rows}".encode(), target="price")
    assert found.arrays.feature_names == ("area", "rooms") and found.arrays.missing() == 1
    noticed = [remark for remark in found.remarks if remark.code == "words_read_as_missing"]
    assert [(remark.params["value"], remark.params["place"]) for remark in noticed] == (
        [(text.strip(), "line 79")] if text else []
    )
    in_target = "".join(f"{row % 5},{text if row == 77 else 1000 + row * 13}\n" for row in range(300))
    found = imported(tmp_path, f"rooms,price\n{in_target}".encode(), target="price")
    [left_out] = [remark for remark in found.remarks if remark.code == "rows_without_target"]
    assert (left_out.params["count"], left_out.params["value"]) == (1, text.strip() or None)


@pytest.mark.parametrize(
    "text", ["#1", "#hashtag", "error", "e", "Err", "North", "#", "no", "nam", "x#N/A", "#1/2", "(none", "()"]
)
def test_other_words_are_not(text: str) -> None:
    assert not missing(text)


@pytest.mark.parametrize("text", ["unknown", "12 m", "1O7", "?7"])
def test_the_first_value_that_is_no_number_is_named_with_its_line(tmp_path: Path, text: str) -> None:
    rows = [f"{row % 9 + 0.5},{row % 4}" for row in range(60)]
    rows[41] = f"{text},3"
    found = imported(tmp_path, ("area,price\n" + "\n".join(rows)).encode(), target="price", task="regression")
    assert f"the column 'area' holds 59 numbers, but also {text!r} in line 43, so all are read as texts" in said_of(
        found
    )
    turned = "\n".join(",".join(reversed(row.split(","))) for row in rows)
    found = imported(tmp_path, f"rooms,price\n{turned}".encode(), target="price")
    assert "nearly_all_numbers" in codes_of(found) and any("line 43" in said for said in said_of(found))


@given(st.lists(st.sampled_from(["unknown", "12 m", "few", "late"]), min_size=16, max_size=99), st.integers(0, 2000))
def test_texts_among_numbers_are_named_and_counted(texts: list[str], more: int) -> None:
    numbers = [f"{place / 10}" for place in range(200 + more)]
    step = len(numbers) // len(texts)
    cells = list(numbers)
    for place, text in enumerate(texts):
        cells[place * step] = text
    rows = "".join(f"{cell},{row % 5},{row % 4}\n" for row, cell in enumerate(cells))
    with TemporaryDirectory() as folder:
        found = imported(Path(folder), f"area,rooms,price\n{rows}".encode(), target="price", task="regression")
    assert found.arrays.feature_names == ("rooms",)
    [remark] = found.remarks
    if remark.code != "nearly_all_numbers":
        assert remark.code == "texts_among_numbers" and set(remark.params["names"]) == set(texts)
        assert (remark.params["numbers"], remark.params["texts"]) == (len(cells) - len(texts), len(texts))
        assert "numbers" in found.about["columns"][0]["reason"]
    else:
        assert len(cells) - len(texts) >= 20 * len(texts)


def test_a_target_of_numbers_with_texts_between_them_says_so(tmp_path: Path) -> None:
    rows = "".join(f"{row % 7},{('sold', 'open')[row % 2] if row % 6 == 0 else 1000 + 7 * row}\n" for row in range(300))
    found = imported(tmp_path, f"x,price\n{rows}".encode(), target="price")
    assert "texts_among_numbers" in codes_of(found)


def test_words_among_words_are_not_named(tmp_path: Path) -> None:
    rows = "".join(f"{'7' if row % 3 else 'few'},{row % 4}\n" for row in range(60))
    found = imported(tmp_path, f"area,price\n{rows}".encode(), target="price", task="regression")
    assert codes_of(found) == [] and found.arrays.feature_names == ("area=7", "area=few")
