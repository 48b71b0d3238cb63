"""Curves are complete: every point is stored, and thinning keeps the extremes."""

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.settings import Settings
from app.storage import curves, migrate
from app.storage.curves import Series, thin
from app.storage.database import Database
from tests.support.rows import insert_run

pytestmark = pytest.mark.sql

values = st.lists(st.floats(allow_nan=True, allow_infinity=True), min_size=1, max_size=500)
cuts = st.lists(st.integers(0, 500), max_size=10)


def in_pieces(found: list[float], cuts: list[int]) -> list[Series]:
    """The series cut into arbitrary pieces, as pages from the database."""
    series = Series(np.arange(1, len(found) + 1), np.asarray(found))
    edges = [0, *sorted(min(cut, len(found)) for cut in cuts), len(found)]
    return [series[start:stop] for start, stop in pairwise(edges)]


@given(values, st.integers(2, 50), cuts)
def test_a_thinned_curve_keeps_its_extremes_and_says_what_each_point_stands_for(
    found: list[float], points: int, cuts: list[int]
) -> None:
    thinned = thin(in_pieces(found, cuts), len(found), points)
    assert len(thinned.steps) <= max(points, 2)
    assert (np.diff(thinned.steps) > 0).all()
    finite = [value for value in found if not math.isnan(value)]
    if len(finite) == len(found):
        assert thinned.values.min() == min(finite) and thinned.values.max() == max(finite)
    else:
        assert np.isnan(thinned.values).any()  # a NaN is never thinned away
    for step, value in zip(thinned.steps.tolist(), thinned.values.tolist(), strict=True):
        assert value == found[step - 1] or math.isnan(value)


@given(values, st.integers(1, 50), cuts)
def test_how_a_curve_is_stored_makes_no_difference(found: list[float], points: int, cuts: list[int]) -> None:
    whole, cut = thin(in_pieces(found, []), len(found), points), thin(in_pieces(found, cuts), len(found), points)
    assert whole.steps.tolist() == cut.steps.tolist()


@given(values, cuts)
def test_nothing_is_thinned_when_there_are_points_enough(found: list[float], cuts: list[int]) -> None:
    thinned = thin(in_pieces(found, cuts), len(found), len(found))
    assert thinned.stands_for is None
    np.testing.assert_array_equal(thinned.values, found)


def test_every_point_comes_back_from_any_step_on(settings: Settings) -> None:
    settings.home.mkdir()
    database = Database(settings.database)
    migrate.upgrade(database)
    with database.write() as db:
        insert_run(db, "run_a")
        for first in range(1, 1000, 10):
            curves.append(db, "run_a", {"train.loss": (range(first, first + 10), [float(first)] * 10)})
    for from_step in (1, 5, 10, 11, 640, 641, 642, 1000, 1001):
        found = curves.join(curves.pages(database, "run_a", "train.loss", from_step))
        assert found.steps.tolist() == list(range(from_step, 1001))
        with database.read() as db:
            assert curves.length(db, "run_a", "train.loss", from_step) == len(found.steps)
    database.close()
