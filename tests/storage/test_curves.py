"""Curves are complete: every point is stored, and any part is read without the rest."""

from collections.abc import Iterator

import pytest

from app.settings import Settings
from app.storage import curves, migrate
from app.storage.database import Database
from app.storage.series import join
from tests.support.rows import insert_run

pytestmark = pytest.mark.sql


@pytest.fixture
def database(settings: Settings) -> Iterator[Database]:
    settings.home.mkdir()
    database = Database(settings.database)
    migrate.upgrade(database)
    yield database
    database.close()


def test_every_point_of_any_part_comes_back(database: Database) -> None:
    with database.write() as db:
        insert_run(db, "run_a")
        for first in range(1, 1000, 10):
            curves.append(db, "run_a", {"train.loss": (range(first, first + 10), [float(first)] * 10)})
    for from_step in (1, 5, 10, 11, 640, 641, 642, 1000, 1001):
        for to_step in (1, 9, 10, 11, 641, 1000, 10**9):
            points = join(curves.pages(database.read, "run_a", "train.loss", from_step, to_step))
            assert points.steps.tolist() == list(range(from_step, min(to_step, 1000) + 1))


def test_the_last_step_of_each_series_is_known(database: Database) -> None:
    of_run = {"train.loss": [3, 9], "validation.loss": [8], "layer.0.dead": [7, 10], "zoo.loss": [2]}
    with database.write() as db:
        insert_run(db, "run_a")
        insert_run(db, "run_b")
        insert_run(db, "run_c")
        curves.append(db, "run_b", {"a.loss": ([1], [0.0]), "train.loss": ([11], [0.0])})
        for series, steps in of_run.items():
            for step in steps:
                curves.append(db, "run_a", {series: ([step - 1, step], [0.0, 0.0])})
    with database.read() as db:
        assert curves.last_steps(db, "run_a") == {"train.loss": 9, "validation.loss": 8, "zoo.loss": 2}
        assert curves.last_steps(db, "run_a", diagnostics=True) == {"layer.0.dead": 10}
        assert curves.last_steps(db, "run_c") == {}
        assert curves.last_step(db, "run_a", "train.loss") == 9
        assert curves.last_step(db, "run_a", "test.loss") == 0
