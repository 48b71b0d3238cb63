"""Dates in tables become numbers, in an import as in a prediction."""

from datetime import date, datetime, timedelta
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.datasets.errors import ImportFailed
from app.datasets.formats.dates import DateFormat, DateSurvey, Order, parsed
from tests.support.imports import codes_of, imported, said_of
from tests.support.tables import parquet

DAYS = [date(2019, 12, 20) + timedelta(days=9 * day) for day in range(60)]


def born(form: str) -> bytes:
    rows = "".join(f"{day.strftime(form)},{150 + place % 40},{'ab'[place % 2]}\n" for place, day in enumerate(DAYS))
    return f"born,height,y\n{rows}".encode()


@pytest.mark.parametrize(
    ("form", "order"),
    [("%Y-%m-%d", "year first"), ("%Y/%m/%d", "year first"), ("%d.%m.%Y", "day first"), ("%m/%d/%Y", "month first"),
     ("%d/%m/%Y", "day first"), ("%m/%d/%y", "month first"), ("%b %d %Y", "month by name"),
     ('"%B %d, %Y"', "month by name"), ("%d-%b-%y", "month by name"), ("%d. %B %Y", "month by name")],
)  # fmt: skip
def test_a_column_of_dates_becomes_numbers_whatever_their_order(tmp_path: Path, form: str, order: str) -> None:
    found = imported(tmp_path, born(form), target="y")
    assert found.arrays.feature_names[:4] == (
        "born: year", "born: sine of the day", "born: cosine of the day", "born: weekday",
    )  # fmt: skip
    [column] = [column for column in found.about["columns"] if column["name"] == "born"]
    assert column["type"] == "date" and column["dates"]["order"] == order
    assert found.arrays.inputs[:, 0].tolist() == [day.year for day in DAYS]
    assert found.arrays.inputs[:, 3].tolist() == [day.weekday() for day in DAYS]
    assert codes_of(found) == ["dates_become_numbers"]


@given(st.dates(date(1, 1, 1)), st.sampled_from(["year first", "day first", "month first"]))
def test_neighbouring_days_are_neighbours_on_the_circle(day: date, order: Order) -> None:
    dates = DateFormat(order, has_time=False)
    text = {"year first": "{0:04}-{1:02}-{2:02}", "day first": "{2}.{1}.{0:04}", "month first": "{1}/{2}/{0:04}"}[order]
    year, sine, cosine, weekday = dates.numbers(text.format(day.year, day.month, day.day))
    assert (year, weekday) == (day.year, day.weekday()) and sine**2 + cosine**2 == pytest.approx(1)


def test_the_time_is_a_fraction_of_the_day(tmp_path: Path) -> None:
    rows = "".join(f"2024-05-{1 + row % 28:02} {row % 24:02}:30,{row % 5}\n" for row in range(60))
    found = imported(tmp_path, f"at,y\n{rows}".encode(), target="y", task="regression")
    assert found.arrays.feature_names[-1] == "at: time"
    assert found.arrays.inputs[:3, -1].tolist() == pytest.approx([0.5 / 24, 1.5 / 24, 2.5 / 24])


@pytest.mark.parametrize(
    ("text", "order", "moment"),
    [
        ("2024-05", "year first", datetime(2024, 5, 1)),
        ("2024-05-06T07:08:09.5+02:00", "year first", datetime(2024, 5, 6, 7, 8, 9)),
        ("5/6/2024 12:30 AM", "month first", datetime(2024, 5, 6, 0, 30)),
        ("5/6/2024 1:30pm", "month first", datetime(2024, 5, 6, 13, 30)),
        ("31.12.69", "day first", datetime(1969, 12, 31)),
        ("31.12.68", "day first", datetime(2068, 12, 31)),
        ("Sept. 7, 1999", "month by name", datetime(1999, 9, 7)),
    ],
)
def test_moments_are_read_in_their_forms(text: str, order: Order, moment: datetime) -> None:
    assert parsed(text, order) == moment


def test_an_order_that_nothing_tells_is_a_warning(tmp_path: Path) -> None:
    rows = "".join(f"{1 + row % 12}/{1 + row % 11}/2024,{row % 5}\n" for row in range(60))
    found = imported(tmp_path, f"at,y\n{rows}".encode(), target="y", task="regression")
    assert "date_order_guessed" in codes_of(found) and any("read as month first" in said for said in said_of(found))


def test_a_missing_date_is_missing_numbers_and_a_wrong_one_makes_texts(tmp_path: Path) -> None:
    lines = born("%Y-%m-%d").decode().splitlines()
    lines[5] = ",170,a"
    found = imported(tmp_path, "\n".join(lines).encode(), target="y")
    assert np.isnan(found.arrays.inputs[4, :4]).all() and found.arrays.missing() == 4
    lines[6] = "2020-02-31,170,a"
    found = imported(tmp_path, "\n".join(lines).encode(), target="y")
    assert found.arrays.feature_names == ("height",)
    with pytest.raises(ImportFailed, match="'born' cannot be a date"):
        imported(tmp_path, "\n".join(lines).encode(), target="y", types={"born": "date"})


@pytest.mark.parametrize("form", ["%Y-%m-%d", "%d.%m.%Y", "%m/%d/%y", "%d %b %Y"])
@pytest.mark.parametrize("text", ["soon", "2020-02-31", "31.02.2020", "?2020", "week 7"])
@pytest.mark.parametrize("place", [0, 1, 45, 59])
def test_the_first_value_that_is_no_date_is_named_with_its_line(
    tmp_path: Path, form: str, text: str, place: int
) -> None:
    lines = born(form).decode().splitlines()
    lines[1 + place] = f"{text},170,a"
    found = imported(tmp_path, "\n".join(lines).encode(), target="y")
    assert codes_of(found) == ["nearly_all_dates"]
    assert f"the column 'born' holds 59 dates, but also '{text}' in line {2 + place}, so" in said_of(found)[0]


@given(st.lists(st.sampled_from(["soon", "late", "2020-01-02"]), min_size=60, max_size=99))
def test_texts_among_which_a_few_are_dates_are_texts(texts: list[str]) -> None:
    survey = DateSurvey()
    for text in ["soon", "soon", *texts]:
        survey.see(text)
    assert survey.format is None
    assert survey.best is None or survey.others[survey.best][0] == "soon"


@pytest.mark.parametrize("zero", ["0000-00-00", "0000-00-00 00:00:00", "00.00.0000"])
def test_a_zero_in_place_of_a_date_is_missing(tmp_path: Path, zero: str) -> None:
    lines = born("%Y-%m-%d").decode().splitlines()
    lines[5] = f"{zero},170,a"
    found = imported(tmp_path, "\n".join(lines).encode(), target="y")
    assert found.arrays.feature_names[0] == "born: year" and found.arrays.missing() == 4
    assert codes_of(found) == ["words_read_as_missing", "dates_become_numbers"]


def test_dates_and_moments_of_parquet_are_read(tmp_path: Path) -> None:
    moments = pa.array([10**6 * (3600 * hour) for hour in range(30)], pa.timestamp("us"))
    data = parquet({"day": pa.array(range(30), pa.date32()), "at": moments, "y": [row % 3 / 2 for row in range(30)]})
    found = imported(tmp_path, data, target="y")
    assert found.arrays.feature_names[0] == "day: year" and found.arrays.feature_names[-1] == "at: time"
    assert found.arrays.inputs[:, 0].tolist() == [1970] * 30


@pytest.mark.parametrize(
    "text",
    ["2024-13-01", "2024-02-30", "2024-01/02", "2024-01-02x", "", "1.2", "1 Foo 2024", "2024", "١.٢.٢٠٢٤"],
)
def test_other_texts_are_no_dates(text: str) -> None:
    survey = DateSurvey()
    survey.see(text)
    assert survey.format is None
    with pytest.raises(ValueError, match=r".*"):
        parsed(text, "year first")
