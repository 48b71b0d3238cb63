"""The first line of a text table: names or a row, and the target by its place."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.datasets.errors import ImportFailed
from app.datasets.formats.header import is_header
from tests.support.imports import codes_of, imported, said_of, warnings_of

IRIS = "".join(f"{5 + row % 9 / 10},{3 + row % 7 / 10},{'ab'[row % 2]}\n" for row in range(40))
NAMES = "length,width,kind\n"


def test_a_first_line_that_is_a_row_is_kept_as_one(tmp_path: Path) -> None:
    found = imported(tmp_path, IRIS.encode(), target="last")
    assert len(found.arrays.targets) == 40 and found.arrays.feature_names == ("column_1", "column_2")
    assert found.arrays.classes == ("a", "b") and "header_missing" in codes_of(found)


def test_a_name_that_was_taken_for_a_row_says_how_to_make_it_one(tmp_path: Path) -> None:
    with pytest.raises(ImportFailed, match=r"does not exist.*The first line looks like the rows.*header=yes"):
        imported(tmp_path, IRIS.encode(), target="a")


def test_names_are_names(tmp_path: Path) -> None:
    found = imported(tmp_path, (NAMES + IRIS).encode(), target="kind")
    assert len(found.arrays.targets) == 40 and codes_of(found) == []


@pytest.mark.parametrize(
    ("first", "below", "wanted"),
    [
        ("a,b", ["1,2", "3,4"], True),
        ("1,2", ["3,4", "5,7"], False),
        ("label,0,1,2,3", ["a,5,6,7,8", "b,5,5,5,5"], True),
        ("0,1,2,3", ["5,6,7,9", "5,5,5,5"], True),
        ("0,1,2", ["5.1,3.5,a", "4.9,3.0,b"], True),
        ("country,1990,2000,2010", ["DE,3.2,4,5", "FR,3,4.5,5"], True),
        ("5,0,0,0,12", ["0,0,0,3,0", "4,0,7,0,0"], False),
        (",width,label", ["0,1.5,a", "1,2.5,b"], True),
        ("p,x,s", ["e,x,s", "e,b,s", "p,x,y"], False),
        ("kind,shape,surface", ["e,x,s", "e,b,s", "p,x,y"], True),
        ("2007-11-11,a", ["2007-11-12,b", "2007-11-13,a"], False),
        ("born,kind", ["2007-11-12,b", "2007-11-13,a"], True),
        ("5.1,NA,0.2,setosa", ["4.9,3.0,0.2,setosa", "6.1,2.9,1.4,virginica"], False),
        ("x,y", [], True),
    ],
)
def test_columns_of_numbers_and_dates_tell_a_header(first: str, below: list[str], wanted: bool) -> None:
    assert is_header(first.split(","), [line.split(",") for line in below], "point") == wanted


@given(
    rows=st.lists(st.tuples(*[st.floats(-1e6, 1e6)] * 3, st.sampled_from("abc")), min_size=8, max_size=30),
    names=st.lists(st.text("abcdefghij", min_size=4, max_size=8), min_size=4, max_size=4, unique=True),
)
def test_a_table_with_numbers_is_told_with_and_without_its_names(
    rows: list[tuple[float, ...]], names: list[str]
) -> None:
    texts = [[*(f"{value:.3f}" for value in row[:-1]), str(row[-1])] for row in rows]
    assert is_header(names, texts, "point")
    assert not is_header(texts[0], texts[1:], "point")


def test_what_is_said_of_the_header_is_done(tmp_path: Path) -> None:
    found = imported(tmp_path, IRIS.encode(), target="a", header="yes")
    assert len(found.arrays.targets) == 39 and "header_missing" not in codes_of(found)
    found = imported(tmp_path, (NAMES + IRIS).encode(), target="column_3", header="no")
    assert len(found.arrays.targets) == 41 and found.arrays.classes == ("a", "b", "kind")


def test_lines_above_the_table_are_skipped(tmp_path: Path) -> None:
    text = "40,setosa,versicolor\n" + IRIS
    named = imported(tmp_path, text.encode(), target="last")
    assert "header_holds_numbers" in codes_of(named) and any("skip=1" in said for said in warnings_of(named))
    found = imported(tmp_path, text.encode(), target="last", skip=1)
    assert len(found.arrays.targets) == 40 and found.arrays.classes == ("a", "b")
    shorter = "a short remark\n" + NAMES + IRIS
    with pytest.raises(ImportFailed, match="does not exist"):
        imported(tmp_path, shorter.encode(), target="kind")
    with pytest.raises(ImportFailed, match=r"first line has 1 value, the lines below it have 3: .*add skip=1"):
        imported(tmp_path, shorter.encode(), target="first")
    assert len(imported(tmp_path, shorter.encode(), target="kind", skip=1).arrays.targets) == 40


@pytest.mark.parametrize("separator", [";", ",", "\t", "|", "~"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_a_first_line_of_spreadsheets_names_the_separator(tmp_path: Path, separator: str, quote: str) -> None:
    rows = (NAMES + IRIS).replace(",", separator)
    found = imported(tmp_path, f"{quote}sep={separator}{quote}\r\n{rows}".encode(), target="kind")
    assert len(found.arrays.targets) == 40 and found.about["separator"] == separator
    assert found.arrays.feature_names == ("length", "width") and "separator_named" in codes_of(found)


@pytest.mark.parametrize("beginning", ["sep=; ", "SEP=;;;;", '"sep=;" ', "sep=;\t"])
def test_the_line_that_names_the_separator_may_end_with_blanks_or_separators(tmp_path: Path, beginning: str) -> None:
    rows = (NAMES + IRIS).replace(",", ";")
    found = imported(tmp_path, f"{beginning}\r\n{rows}".encode(), target="kind")
    assert found.arrays.feature_names == ("length", "width") and codes_of(found) == ["separator_named"]


def test_a_first_line_that_counts_is_the_header_and_the_report_says_so(tmp_path: Path) -> None:
    counted = imported(tmp_path, f"0,1,2\n{IRIS}".encode(), target="2")
    assert counted.arrays.feature_names == ("0", "1") and codes_of(counted) == ["header_counts"]
    rows = "".join(f"{'ab'[row % 2]},{row % 7},{row % 5},{row % 3}\n" for row in range(40))
    named = imported(tmp_path, f"kind,0,1,2\n{rows}".encode(), target="kind")
    assert named.arrays.feature_names == ("0", "1", "2") and codes_of(named) == []


@pytest.mark.parametrize("separator", [" ", ",", "\t", ";"])
@pytest.mark.parametrize("names", ["{}", "car {}"])
@pytest.mark.parametrize("quote", ["", '"'])
def test_rows_may_have_a_name_in_front_as_r_writes_them(tmp_path: Path, separator: str, names: str, quote: str) -> None:
    if not quote:
        names = names.replace(" ", "_")
    rows = [line.split(",") for line in IRIS.splitlines()]
    lines = [
        [f"{quote}{names.format(place)}{quote}", length, width, f"{quote}{kind}{quote}"]
        for place, (length, width, kind) in enumerate(rows, start=1)
    ]
    header = [f"{quote}{name}{quote}" for name in NAMES.strip().split(",")]
    text = "\n".join(separator.join(line) for line in [header, *lines])
    found = imported(tmp_path, text.encode(), target="kind")
    assert found.arrays.feature_names == ("length", "width") and len(found.arrays.targets) == 40
    assert codes_of(found) == ["name_missing", "row_index_left_out" if names == "{}" else "mostly_unique"]
    assert "without a name" in " ".join(said_of(found))


def test_rows_may_end_with_a_separator(tmp_path: Path) -> None:
    text = NAMES + IRIS.replace("\n", ",\n")
    found = imported(tmp_path, text.encode(), target="kind")
    assert found.arrays.feature_names == ("length", "width") and codes_of(found) == ["name_missing"]
    assert imported(tmp_path, text.encode(), target="last").arrays.classes == ("a", "b")


def test_columns_may_be_aligned_with_spaces(tmp_path: Path) -> None:
    rows = "".join(f"  {5 + row % 9 / 10:<8}{3 + row % 7 / 10:>6}   {'ab'[row % 2]}  \n" for row in range(40))
    for text in (f" length   width kind\n{rows}", rows):
        found = imported(tmp_path, text.encode(), target="last")
        assert len(found.arrays.targets) == 40 and found.arrays.classes == ("a", "b") and found.skipped == []
    words = imported(tmp_path, b"a word,y\none two,1\nthree four,2.5\none two,2\n", target="y")
    assert words.arrays.feature_names == ("a word=one two", "a word=three four")


def test_a_target_is_named_by_its_place_unless_a_column_has_that_name(tmp_path: Path) -> None:
    for target, names in (("first", ("width", "kind=a", "kind=b")), ("2", ("length", "kind=a", "kind=b"))):
        assert imported(tmp_path, (NAMES + IRIS).encode(), target=target).arrays.feature_names == names
    named = "2,last,other\n" + "".join(f"{row % 3}.5,{row % 5},{row % 2}x\n" for row in range(9))
    assert imported(tmp_path, named.encode(), target="2").about["target"] == "2"
    assert imported(tmp_path, named.encode(), target="last").about["target"] == "last"
    for wrong in ("0", "4", "99999999999999999999"):
        with pytest.raises(ImportFailed, match="has 3 columns"):
            imported(tmp_path, (NAMES + IRIS).encode(), target=wrong)
