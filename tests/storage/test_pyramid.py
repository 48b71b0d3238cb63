"""A pyramid changes no answer: it only saves the reading of points."""

import math
import tracemalloc
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count, pairwise
from typing import Any
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from sqlalchemy import delete, event, func, select, update

from app.constants import DELETED
from app.settings import Settings
from app.storage import curves, migrate, pyramid
from app.storage.database import Database
from app.storage.series import Series
from app.storage.tables import CurveBlock, Run
from app.storage.thinning import level_for, maximum, thin
from tests.storage.test_thinning import as_bytes
from tests.support.postgres import Postgres
from tests.support.rows import insert_run

pytestmark = pytest.mark.sql

LOSS = "train.loss"
NUMBERS = count()
SMALL = {"LEVELS": range(1, 8, 2), "BLOCK": 1, "PAGE": 3}  # blocks of 4, 16, 64 and 256 steps
values = st.floats() | st.sampled_from([math.nan, math.inf, -math.inf, 0.0, 1.0])


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def database(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    """One database for all examples, each with a run of its own."""
    if request.param == "postgres":
        server: Postgres = request.getfixturevalue("postgres")
        url = Settings(database_url=server.new_database(), _env_file=None).database
    else:
        url = f"sqlite:///{tmp_path_factory.mktemp('pyramid') / 'antigrad.db'}"
    database = Database(url)
    migrate.upgrade(database)
    yield database
    database.close()


def new_run(database: Database) -> str:
    id = f"run_{next(NUMBERS)}"
    with database.write() as db:
        insert_run(db, id)
    return id


def record(database: Database, run: str, points: Series, cuts: list[int], by_old_version: list[bool]) -> None:
    """Record a series in chunks that begin with these points, some of them by a version that had no pyramids."""
    edges = sorted({0, *(cut for cut in cuts if cut < len(points.steps)), len(points.steps)})
    recorded: dict[str, int] = {}
    with database.write() as db:
        for (first, end), is_old in zip(pairwise(edges), by_old_version * len(edges), strict=False):
            chunk = {LOSS: (points.steps[first:end].tolist(), points.values[first:end].tolist())}
            if is_old:
                curves.append(db, run, chunk)
            else:
                pyramid.append(db, run, chunk, recorded)
            recorded[LOSS] = int(points.steps[end - 1])


def expected(series: Series, points: int, from_step: int, to_step: int) -> Series:
    """The answer by its definition: from all points of the part."""
    part = series.between(from_step, to_step)
    if len(part.steps) <= points:
        return part
    last = min(to_step, int(series.steps[-1]))
    thinned = thin(part, level_for(from_step if from_step > 1 else 0, last, points // 2))
    return thinned if points > 1 else maximum(thinned)


def same(one: Series, other: Series) -> bool:
    if one.stands_for is None or other.stands_for is None:
        is_whole = one.stands_for is other.stands_for
        return is_whole and [one.steps.tobytes(), one.values.tobytes()] == [
            other.steps.tobytes(), other.values.tobytes()
        ]  # fmt: skip
    return as_bytes(one) == as_bytes(other)


@st.composite
def series(draw: st.DrawFn) -> Series:
    """A series with a point after each step, or with gaps."""
    gaps = draw(st.sampled_from([[1], [1], [7], [1, 2, 40]]))
    lengths = draw(st.lists(st.sampled_from(gaps), min_size=1, max_size=400))
    found = draw(st.lists(values, min_size=1, max_size=20))
    return Series(np.cumsum(lengths), np.resize(np.array(found), len(lengths)))


@hypothesis_settings(max_examples=25)  # each example writes
@given(
    series=series(),
    cuts=st.lists(st.integers(1, 400), max_size=12),
    by_old_version=st.lists(st.booleans(), min_size=1, max_size=4),
    parts=st.lists(st.tuples(st.integers(1, 60), st.integers(1, 500), st.integers(0, 500)), min_size=1, max_size=4),
)
def test_a_part_is_thinned_as_if_all_its_points_were_read(
    database: Database,
    series: Series,
    cuts: list[int],
    by_old_version: list[bool],
    parts: list[tuple[int, int, int]],
) -> None:
    with patch.multiple(pyramid, **SMALL):
        run = new_run(database)
        record(database, run, series, cuts, by_old_version)
        for points, from_step, length in [(20, 1, 10**6), *parts]:
            thinned = pyramid.thinned(database, run, LOSS, points, from_step, from_step + length)
            assert len(thinned.steps) <= points
            assert same(thinned, expected(series, points, from_step, from_step + length))


def blocks(database: Database, run: str) -> dict[tuple[int, int], tuple[bytes, bytes, bytes]]:
    columns = CurveBlock.steps, CurveBlock.values, CurveBlock.stands_for
    query = select(CurveBlock.level, CurveBlock.block, *columns).where(CurveBlock.run == run)
    with database.read() as db:
        return {(level, block): tuple(packed) for level, block, *packed in db.execute(query)}  # type: ignore[misc]


@hypothesis_settings(max_examples=15)
@given(series=series(), cuts=st.lists(st.integers(1, 400), max_size=12))
def test_a_curve_of_an_older_version_gets_the_same_pyramid_once_somebody_looks(
    database: Database, series: Series, cuts: list[int]
) -> None:
    with patch.multiple(pyramid, **SMALL):
        new, old = new_run(database), new_run(database)
        record(database, new, series, cuts, [False])
        record(database, old, series, cuts, [True])
        assert not blocks(database, old)
        for run in (new, old):
            pyramid.thinned(database, run, LOSS, 2)
        assert blocks(database, old) == blocks(database, new) or len(series.steps) <= 2


def long_run(database: Database, steps: int, a_chunk: int = 5000) -> tuple[str, Series]:
    """A run with a loss of every step, as a worker records it."""
    run, losses = new_run(database), np.random.default_rng(0).random(steps)
    series = Series(np.arange(1, steps + 1), losses)
    with database.write() as db:
        for first in range(0, steps, a_chunk):
            last = min(steps, first + a_chunk)
            chunk = {LOSS: (series.steps[first:last].tolist(), losses[first:last].tolist())}
            pyramid.append(db, run, chunk, {LOSS: first})
    return run, series


def test_any_part_of_a_long_run_is_read_with_few_statements_and_little_memory(database: Database) -> None:
    run, series = long_run(database, 500_000)
    statements: list[str] = []

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        statements.append(statement)

    event.listen(database.engine, "before_cursor_execute", note)
    for from_step, to_step in [(1, 10**9), (490_000, 10**9), (17, 499_983), (200_000, 201_000), (123_457, 365_433)]:
        statements.clear()
        tracemalloc.start()
        thinned = pyramid.thinned(database, run, LOSS, 1000, from_step, to_step)
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert same(thinned, expected(series, 1000, from_step, to_step))
        assert len([one for one in statements if "SELECT" in one]) <= 25
        assert not [one for one in statements if "INSERT" in one]
        assert peak < 3e6  # the points are 8 MB
    event.remove(database.engine, "before_cursor_execute", note)


def test_a_spike_of_one_step_is_in_every_part_that_has_it(database: Database) -> None:
    steps, spike = 100_000, 45_678
    run = new_run(database)
    losses = np.zeros(steps)
    losses[spike - 1] = 1.0
    with database.write() as db:
        curves.append(db, run, {LOSS: (range(1, steps + 1), losses.tolist())})
    for width in (2, 100, 5000, 40_000, steps):
        for from_step in (max(1, spike - width + 1), max(1, spike - width // 3), spike):
            part = pyramid.thinned(database, run, LOSS, 500, from_step, from_step + width - 1)
            assert spike in part.steps[part.values == 1.0]


def test_no_pyramid_is_built_for_a_run_that_is_being_deleted(database: Database) -> None:
    run = new_run(database)
    with database.write() as db:
        curves.append(db, run, {LOSS: (range(1, 20_001), [0.0] * 20_000)})
        db.execute(update(Run).where(Run.id == run).values(status=DELETED))
    assert pyramid.thinned(database, run, LOSS, 100).stands_for is not None
    assert not blocks(database, run)
    with database.write() as db:
        db.execute(delete(Run).where(Run.id == run))
    with database.read() as db:
        assert db.execute(select(func.count()).select_from(CurveBlock).where(CurveBlock.run == run)).scalar_one() == 0


def test_readers_and_a_worker_may_build_one_pyramid_at_the_same_time(database: Database) -> None:
    old, steps = new_run(database), 60_000
    series = Series(np.arange(1, steps + 1), np.random.default_rng(0).random(steps))
    record(database, old, series.between(1, 40_000), [], [True])

    def work() -> None:
        recorded = {LOSS: 40_000}
        for first in range(40_000, steps, 2_000):
            chunk = {
                LOSS: (series.steps[first : first + 2_000].tolist(), series.values[first : first + 2_000].tolist())
            }
            with database.write() as db:
                pyramid.append(db, old, chunk, recorded)
            recorded[LOSS] = first + 2_000

    with ThreadPoolExecutor(4) as pool:
        working = pool.submit(work)
        readers = [pool.submit(pyramid.thinned, database, old, LOSS, 100) for _ in range(9)]
        for done in (working, *readers):
            done.result()
    new = new_run(database)
    record(database, new, series, list(range(2_000, steps, 2_000)), [False])
    assert blocks(database, old) == blocks(database, new)
    assert same(pyramid.thinned(database, old, LOSS, 100), expected(series, 100, 1, steps))
