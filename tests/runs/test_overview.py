"""Runs at a glance, on the points of their curves."""

import math
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from app.runs.overview import POINTS, SHORT, Glances, glance, scaled
from app.runs.views import views
from app.settings import Settings
from app.storage import curves, migrate
from app.storage.database import Database
from app.storage.series import Series
from app.storage.tables import CurveChunk, Run
from tests.support.rows import insert_run


@pytest.fixture
def database(tmp_path: Path) -> Database:
    settings = Settings(home=tmp_path, _env_file=None)
    settings.create_home()
    database = Database(settings.database)
    migrate.upgrade(database)
    return database


def record(
    database: Database, run: str, losses: list[float], accuracies: list[float], status: str = "succeeded"
) -> None:
    with database.write() as db:
        insert_run(db, run, status, progress={"step": len(losses)})
        steps = list(range(1, len(losses) + 1))
        for first in range(0, len(steps), 1000):
            part = slice(first, first + 1000)
            curves.append(db, run, {"train.loss": (steps[part], losses[part])})
        if accuracies:
            curves.append(db, run, {"validation.accuracy": (list(range(1, len(accuracies) + 1)), accuracies)})


def series(values: list[float]) -> Series:
    return Series(np.arange(1, len(values) + 1), np.array(values))


def test_a_loss_becomes_a_line_from_corner_to_corner() -> None:
    seen = glance("classification", {"train.loss": series([100.0, 10.0, 1.0])})
    [line] = scaled(seen.losses)
    assert line == [(0.0, 1.0), (0.5, 0.5), (1.0, 0.0)]
    assert seen.best is None


def test_both_losses_share_a_scale() -> None:
    seen = glance("classification", {"train.loss": series([10.0, 1.0]), "validation.loss": series([100.0, 10.0])})
    assert [[y for _, y in line] for line in scaled(seen.losses)] == [
        pytest.approx([0.5, 0.0]),
        pytest.approx([1.0, 0.5]),
    ]


@pytest.mark.parametrize("values", [[], [math.nan], [0.0, -1.0], [math.inf]])
def test_what_a_logarithm_has_no_place_for_is_left_out(values: list[float]) -> None:
    assert glance("regression", {"train.loss": series(values)}).losses == []


@pytest.mark.parametrize("values", [[2.0], [3.0, 3.0], [1.0] * 1000])
def test_a_constant_loss_is_a_flat_line(values: list[float]) -> None:
    [line] = scaled(glance("regression", {"train.loss": series(values)}).losses)
    assert {y for _, y in line} == {0.0} and len(line) <= POINTS


def test_the_best_result_is_not_the_last() -> None:
    results = series([0.5, math.nan, 0.9, 0.7])
    assert glance("classification", {"validation.accuracy": results}).best == 0.9
    assert glance("regression", {"validation.r2": results}).best == 0.9


def test_a_list_reads_the_curves_of_all_its_short_runs(database: Database) -> None:
    record(database, "run_1", [3.0, 2.0, 1.0], [0.3, 0.6, 0.5])
    record(database, "run_2", [], [])
    with database.read() as db:
        found = views(db, list(db.scalars(select(Run).order_by(Run.id))))
    first, second = Glances().overviews(database, found)
    assert (first.glance.best, len(first.outline[0])) == (0.6, 3)
    assert second.outline == [] and second.glance.best is None


def test_a_long_run_that_has_ended_is_read_once(database: Database) -> None:
    losses = [1 + 1 / step for step in range(1, SHORT + 101)]
    record(database, "run_1", losses, [0.4])
    glances = Glances()
    with database.read() as db:
        found = views(db, list(db.scalars(select(Run))))
    before = glances.overviews(database, found)
    assert len(before[0].outline[0]) <= POINTS and before[0].glance.best == 0.4
    with database.write() as db:
        db.query(CurveChunk).delete()
    assert glances.overviews(database, found) == before
